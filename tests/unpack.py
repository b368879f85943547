# SPDX-License-Identifier: MIT
"""Unpacks test archives once, also when several tests start at the same time."""
import fcntl
import os
import shutil
import tarfile


def unpack(tarball, target):
    """Makes `target` hold what is in `tarball`; a stamp remembers which one it is from. Returns `target`."""
    os.makedirs(target, exist_ok=True)
    stamp = os.path.join(target, ".from")
    now = f"{os.path.getsize(tarball)} {int(os.path.getmtime(tarball))}"
    with open(target + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(stamp) and open(stamp).read() == now:
            return target
        shutil.rmtree(target)
        os.makedirs(target)
        with tarfile.open(tarball) as tar:
            tar.extractall(target)
        with open(stamp, "w") as f:
            f.write(now)
    return target
