"""The warm process in the jail: imports once, then forks a kernel for each request, in namespaces of its own.

It runs as `python -m classroom.jail.zygote FD FILES MEMORY IMPORTS` inside bubblewrap (worker.py), with the one
capability that making namespaces needs; a kernel gives it up before it serves. No test, solution or submission is read
here: a fork has all that its parent has.
"""

import ctypes
import gc
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from . import seccomp
from .cells import Cells, quiet
from .student import Student
from .tester import Tester

HOME = Path("/jail")
TMPFS = {"/jail": b"size=64m,nr_inodes=4096", "/dev/shm": b"size=16m,nr_inodes=256", "/proc": b"size=16k,nr_inodes=8"}
PROCESSES = 128  # of a kernel, its threads counted
FILE_SIZE = 64 * 2**20
OPEN_FILES = 256

# <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>, <linux/capability.h>
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x4000000, 0x8000000, 0x20000000
MS_NOSUID, MS_NODEV = 2, 4
PR_SET_PDEATHSIG, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 1, 47, 4
CAPABILITY_VERSION_3 = 0x20080522

REFUSED = seccomp.program()

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Import, say so, and serve requests: {"fork": role} with a socket for the kernel, {"kill": kernel}."""
    control, files, memory = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
    exec(sys.argv[4], {})
    cells = Cells()
    roles = {"student": Student(cells), "tester": Tester(cells)}
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared
    quiet()
    control.send(json.dumps({"ready": os.getpid()}).encode())

    while True:
        request, fds, *_ = socket.recv_fds(control, 1 << 12, 1)
        if not request:
            return
        _bury()
        request = json.loads(request)
        if "kill" in request:
            reply = {"killed": _kill(request["kill"])}
        else:
            serve = roles[request["fork"]].serve
            reply = {"forked": _fork(lambda: _become(fds[0], files, memory, serve))}  # noqa: B023
            os.close(fds[0])
        control.send(json.dumps(reply).encode())


def _fork(run: Callable[[], None]) -> int:
    """Fork a process that is the first of a process namespace, below a guardian that waits for it; its number."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"{threads} threads run: a fork would have one of them and wait for the others")
    read, write = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        _call("unshare", CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
        kernel = os.fork()
        if kernel == 0:
            try:
                run()
            finally:
                os._exit(0)
        os.write(write, str(kernel).encode())
        os.waitpid(kernel, 0)
        os._exit(0)
    os.close(write)
    kernel = int(os.read(read, 20))
    os.close(read)
    return kernel


def _kill(kernel: int) -> int:
    """End a kernel and, with it, all that it started; its guardian follows."""
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(kernel, signal.SIGKILL)
    return kernel


def _bury() -> None:
    """Let go of the guardians that have ended. Waiting for one would be waiting for its namespaces to be taken down."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(fd: int, files: Path, memory: int, serve: Callable[[socket.socket], None]) -> None:
    """Be a kernel: a private memory disk, limits, no capability, and nothing open but the socket to the worker."""
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.dup2(fd, 3)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(4, 1 << 16)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for folder, options in TMPFS.items():
        _call("mount", b"none", folder.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options)
    Path("/proc/self").mkdir()  # the real one shows other processes; TensorFlow looks for these two in it
    Path("/proc/self/exe").symlink_to(os.path.realpath(sys.executable))
    Path("/proc/self/cmdline").write_text(sys.executable + "\0")
    for path in files.iterdir() if files.is_dir() else ():
        if path.suffix != ".ipynb":
            (shutil.copytree if path.is_dir() else shutil.copy)(path, HOME / path.name)
    os.chdir(HOME)
    limits = {"AS": used + memory, "NPROC": PROCESSES, "FSIZE": FILE_SIZE, "NOFILE": OPEN_FILES, "CORE": 0}
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    _call("capset", ctypes.byref(header), ctypes.byref(none))
    seccomp.refuse(_call, REFUSED)
    random.seed(0)  # unseeded numbers are the same ones whenever a submission is graded
    np.random.seed(0)
    serve(socket.socket(fileno=3))


def _call(name: str, *args) -> None:
    """A function of the C library that Python has no name for; OSError with its reason if it fails."""
    if getattr(libc, name)(*args) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
