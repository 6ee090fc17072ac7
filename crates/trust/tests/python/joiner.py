"""The typing side of a join as docs/joining.md describes it. Shares no code and no library with the Rust side.

Reads and writes frames on standard input and output: four bytes of length, big end first, and JSON. What it needs to
know comes as one JSON object in the first argument (bytes as hexadecimal digits):

    code       what a person typed, as shown ("42-493-117"), or
    link       a link as it would be in a QR code
    side       "joiner", "member" or "peer"
    own, peer  the keys of the two devices
    exporter   the secret of the TLS connection
    say        what to send under the new key
    rounds     how many payloads each side sends under it (2)

Writes one line to standard error in the end: "joined <peer name> <what was received, hexadecimal>" or
"failed <reason>".
"""

import base64
import hmac
import json
import struct
import sys
from hashlib import sha256
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_B


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def send(frame):
    data = json.dumps(frame).encode("utf-8")
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()


def finish(word):
    print(word, file=sys.stderr)
    sys.exit(0)


def receive(wanted):
    while True:
        head = sys.stdin.buffer.read(4)
        if len(head) < 4:
            finish("failed closed")
        (length,) = struct.unpack(">I", head)
        frame = json.loads(sys.stdin.buffer.read(length))
        if frame["type"] == "fail":
            finish("failed " + frame["reason"])
        if frame["type"] == "wait":
            continue
        if frame["type"] != wanted:
            finish("failed unexpected " + frame["type"])
        return frame


def hkdf(salt, secret, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def main():
    told = json.loads(sys.argv[1])
    own, peer, exporter = (bytes.fromhex(told[what]) for what in ("own", "peer", "exporter"))
    side = told["side"]
    other = {"joiner": "member", "member": "joiner", "peer": "peer"}[side]

    hello = {"type": "hello", "v": 1, "side": side, "name": "Python", "os": "linux", "not_known_yet": [1, {}]}
    if "link" in told:
        link = {key: values[0] for key, values in parse_qs(told["link"].split("?", 1)[1]).items()}
        assert link["v"] == "1" and decode(link["k"]) == peer
        hello["invite"] = link["i"]
        password = b"link/" + decode(link["s"])
    else:
        digits = told["code"].replace("-", "")
        hello["discriminator"] = int(digits[:2])
        password = b"code/" + digits[2:].encode("ascii")
    send(hello)

    share = receive("share")
    assert share["v"] == 1
    home, invite, pa = (decode(share[what]) for what in ("home", "invite", "pa"))

    def bound(role, what, key):
        return "lanyard-join-v1/{}/{}/".format(role, what).encode("ascii") + home + invite + key + exporter

    exchange = SPAKE2_B(password, idA=bound("shows", other, peer), idB=bound("types", side, own))
    pb = exchange.start()
    secret = exchange.finish(pa)

    transcript = b"".join(struct.pack(">I", len(part)) + part for part in (pa, pb, home, invite, peer, own))

    def tag(role):
        key = hkdf(exporter, secret, b"lanyard-join-v1/confirm/" + role)
        return hmac.new(key, transcript, sha256).digest()

    send({"type": "confirm", "pb": encode(pb), "tag": encode(tag(b"types"))})
    confirmed = receive("confirmed")
    if not hmac.compare_digest(decode(confirmed["tag"]), tag(b"shows")):
        finish("failed tampered")

    channel = ChaCha20Poly1305(hkdf(exporter, secret, b"lanyard-join-v1/channel"))
    received = []
    for number in range(told.get("rounds", 2)):
        sealed = decode(receive("sealed")["data"])
        received.append(channel.decrypt(struct.pack(">B3xQ", 0, number), sealed, b""))
        data = channel.encrypt(struct.pack(">B3xQ", 1, number), bytes.fromhex(told["say"]), b"")
        send({"type": "sealed", "data": encode(data)})
    finish("joined {} {}".format(confirmed["name"], b"".join(received).hex()))


main()
