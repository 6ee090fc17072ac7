# A long cable: frames that come in at one end come out at the other, later. Two TAP devices, because a network of
# namespaces has no delay of its own and this kernel may have no netem.
# Arguments: names of the two ends, milliseconds each way, milliseconds by which that differs from frame to frame (so
# that some overtake others), percent that never arrive.
import fcntl, heapq, os, random, select, struct, sys, time

TUNSETIFF, TAP_WITHOUT_HEADER = 0x400454CA, 0x1002


def tap(name):
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_HEADER))
    return end


names, (delay, differs, lost) = sys.argv[1:3], map(float, sys.argv[3:6])
ends = [tap(name) for name in names]
other = {ends[0]: ends[1], ends[1]: ends[0]}
print("ready", flush=True)
under_way, number = [], 0
while True:
    now = time.monotonic()
    while under_way and under_way[0][0] <= now:
        _, _, end, frame = heapq.heappop(under_way)
        try:
            os.write(end, frame)
        except OSError:
            pass  # the other end is not up yet, or full: a cable tells nobody
    patience = max(under_way[0][0] - now, 0) if under_way else None
    readable, _, _ = select.select(ends, [], [], patience)
    for end in readable:
        for _ in range(64):
            try:
                frame = os.read(end, 2048)
            except OSError:
                break
            if random.random() * 100 < lost or len(under_way) > 20000:
                continue
            due = time.monotonic() + (delay + random.random() * differs) / 1000
            number += 1
            heapq.heappush(under_way, (due, number, other[end], frame))
