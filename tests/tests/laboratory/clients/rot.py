"""Makes a file rot: its bytes become others, and the system knows of no change.

Usage: rot.py FILE SIGN. Touches one byte of every 64 KiB through a map of the file, which the system notes; when SIGN
has come to be, changes the same bytes, of which it takes no note any more: on a file system in memory such a page stays
open for writing. Says "touched", and then "rotten" or what the system has noticed after all.
"""

import mmap
import os
import sys
import time

path, sign = sys.argv[1:]
with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as content:
    places = range(7, len(content), 1 << 16)
    for at in places:
        content[at] = content[at]
    before = os.stat(path)
    print("touched", flush=True)
    while not os.path.exists(sign):
        time.sleep(0.05)
    for at in places:
        content[at] ^= 0xFF
    after = os.stat(path)
    same = (before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino)
    if same == (after.st_size, after.st_mtime_ns, after.st_ctime_ns, after.st_ino):
        print("rotten", flush=True)
    else:
        print(f"noticed: {before} became {after}", flush=True)
