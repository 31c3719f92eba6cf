"""The outside of the jail: starts it, asks it for kernels, keeps their time and their memory."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from ..course import CourseError
from .wire import Closed, Late, Message, WireError, receive, send

MEMORY = 2 * 2**30  # bytes that the kernels of one submission may use together
GRACE = 3  # seconds that a kernel gets to obey
START = 120  # seconds to import what the assignment imports
PACKAGES = Path(__file__).resolve().parents[2]  # src/, or site-packages: what the assignments import is there too
NOBODY = "65534"
NEWEST_WITHOUT = (0, 7)  # bubblewrap has --disable-userns from 0.8 on
ENVIRONMENT = {
    "HOME": "/jail",
    "TMPDIR": "/jail",
    "IPYTHONDIR": "/jail/.ipython",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/jail/.matplotlib",
}


class KernelLost(Exception):
    """A kernel that is gone; the text says what was done to it."""


class Jail:
    """A warm process inside bubblewrap that forks kernels. Ends with the process that made it.

    imports: the import statements that it runs before the first fork. files: a folder whose contents each kernel finds
    in its working directory, notebooks left out. Raises CourseError where there is no jail to be had.
    """

    def __init__(self, imports: str, files: Path):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._said = tempfile.TemporaryFile()
        python = os.path.abspath(sys.executable)
        inside = [python, "-m", "classroom.jail.zygote", str(theirs.fileno()), str(files), str(MEMORY), imports]
        with theirs:
            self.process = subprocess.Popen(
                [*bubblewrap(files), *inside],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={},
                start_new_session=True,  # a Ctrl-C at the terminal is for the grader alone
            )
        try:
            self._reply(START)
        except CourseError:
            self.close()
            raise
        self._own = self._bytes("smaps_rollup", "Pss")

    def ask(self, request: dict, *sockets: socket.socket) -> dict:
        """Let the zygote do something; CourseError if it is gone."""
        try:
            socket.send_fds(self.control, [json.dumps(request).encode()], [sock.fileno() for sock in sockets])
        except OSError as error:
            raise CourseError(f"the jail broke down: {error.strerror}") from error
        return self._reply(GRACE * 10)

    def _reply(self, seconds: float) -> dict:
        self.control.settimeout(seconds)
        try:
            reply = self.control.recv(1 << 12)
        except OSError:
            reply = b""
        if not reply:
            self._said.seek(0)
            said = self._said.read(10_000).decode(errors="replace").strip().split("\n")[-1]
            raise CourseError(f"submissions cannot be jailed here: {said or 'the jail did not start in time'}")
        return json.loads(reply)

    def memory(self) -> int:
        """Bytes that all in the jail use beyond what the zygote did alone.

        What no process maps is not in it: files in memory, which zygote.TMPFS limits, and what seccomp.py refuses.
        """
        most = self._bytes("status", "VmRSS") - self._own  # a page that processes share counts in each
        return most if most <= MEMORY else self._bytes("smaps_rollup", "Pss") - self._own  # counts once, takes longer

    def _bytes(self, file: str, line: str) -> int:
        """The sum of what a line of a file in /proc says of each process in the jail; 0 of one that has ended."""
        total = 0
        for process in self._processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                found = re.search(rf"^{line}:\s+(\d+) kB", Path(f"/proc/{process.pid}/{file}").read_text(), re.M)
                total += int(found[1]) * 1024 if found else 0
        return total

    def _processes(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def close(self) -> None:
        """End it, and all that runs in it."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self._said.close()


class Kernel:
    """A kernel in the jail, as the worker sees it. role: "student" or "tester"."""

    def __init__(self, jail: Jail, role: str):
        self.jail = jail
        self.sock, theirs = socket.socketpair()
        with theirs:
            self._process = jail.ask({"fork": role}, theirs)["forked"]

    def send(self, head: dict, parts: list[bytes] = ()) -> None:
        """Send it a message; KernelLost if it is gone or does not read."""
        self.sock.settimeout(GRACE)
        try:
            send(self.sock, head, parts)
        except (Closed, Late) as error:
            raise KernelLost("ended the kernel") from error
        except WireError as error:
            raise KernelLost(f"gave back {error}") from error

    def receive(self, deadline: float) -> Message:
        """Its next message; KernelLost if it dies, is late by more than GRACE, or too large in message or memory."""
        try:
            return receive(self.sock, deadline + GRACE, self._watch)
        except Closed as error:
            raise KernelLost("ended the kernel") from error
        except Late as error:
            raise KernelLost("could not be interrupted") from error
        except WireError as error:
            raise KernelLost(f"broke the kernel: {error}") from error

    def _watch(self) -> None:
        used = self.jail.memory()
        if used > MEMORY:
            raise KernelLost(f"used {used / 2**30:.1f} GB of memory, {MEMORY >> 30} GB are there")

    def close(self) -> None:
        """End it and all that it started."""
        self.sock.close()
        self.jail.ask({"kill": self._process})


def try_jail() -> None:
    """CourseError with the reason if nothing can be jailed here."""
    # What the zygote does for each kernel: a system may allow the jail and refuse this.
    nested = ["/usr/bin/unshare", "--pid", "--mount", "--fork", "/usr/bin/mount", "-t", "tmpfs", "none", "/jail"]
    tried = subprocess.run([*bubblewrap(Path("/nowhere")), *nested], capture_output=True, text=True, env={})
    if tried.returncode:
        raise CourseError(f"submissions cannot be jailed here ({tried.stderr.strip()}). {UNSAFE}")


def bubblewrap(files: Path) -> list[str]:
    """The command that jails what follows it; CourseError where that is not possible.

    Inside there is the interpreter with its packages, read-only, a private /jail, no network, and no right to more. As
    root, an outer jail makes the files reachable for nobody, who then makes the inner one.
    """
    program = shutil.which("bwrap")
    if not sys.platform.startswith("linux") or program is None:
        raise CourseError(f"submissions are jailed by bubblewrap, on Linux; it is not there. {UNSAFE}")
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    if version <= NEWEST_WITHOUT:
        raise CourseError(f"bubblewrap 0.8 or newer is needed, {said.strip() or 'none'} is there. {UNSAFE}")

    values = {**ENVIRONMENT, "PYTHONPATH": str(PACKAGES)}
    environment = [part for name, value in values.items() for part in ("--setenv", name, value)]
    # What maps /dev/zero has memory that is shared without a file, see seccomp.py.
    hidden = "--dev /dev --dev-bind /dev/null /dev/zero --remount-ro /dev --remount-ro / --die-with-parent".split()
    namespaces = ["--unshare-user", "--unshare-all", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    inner = [
        "--proc",
        "/proc",
        "--tmpfs",
        "/jail",
        "--chdir",
        "/jail",
        *hidden,
        *namespaces,
        "--cap-add",
        "CAP_SYS_ADMIN",
        "--clearenv",
        *environment,
    ]
    if os.geteuid() != 0:
        return [program, *_binds(files), *inner]
    outer = [program, *_binds(files), "--dev-bind", "/proc", "/proc", *hidden]
    nobody = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    return [*outer, *nobody, program, "--ro-bind", "/", "/", *inner]


UNSAFE = "With --unsafe they run as your own user and can do what you can."


def _binds(files: Path) -> list[str]:
    """What of the file system is there: the system's libraries, the interpreter, its packages, ours, and `files`."""
    folders = {Path("/usr"), Path(sys.prefix), Path(sys.base_prefix), PACKAGES}
    if around := [str(folder) for folder in folders if files.resolve().is_relative_to(folder.resolve())]:
        raise CourseError(f"submissions could read the course, which lies in {around[0]}: move it. {UNSAFE}")
    folders |= {files} if files.is_dir() else set()
    arguments, made = ["--dir", "/jail", "--perms", "0755", "--dir", "/etc"], set()
    for folder in sorted(folders):
        for parent in reversed(folder.parents):
            if parent not in made | folders and parent != Path("/"):
                arguments += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        arguments += ["--ro-bind", str(folder), str(folder)]
    if Path("/tmp") not in made:
        arguments += ["--symlink", "jail", "/tmp"]
    for name in ("bin", "sbin", "lib", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime"):
        arguments += ["--ro-bind-try", path, path]
    return arguments
