"""The outside of the jail: starts it, asks it for kernels, keeps their time and their memory."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from ..course import CourseError
from .wire import Closed, Late, Message, WireError, receive, send

MEMORY = 2 * 2**30  # bytes that the kernels of one submission may use together
GRACE = 3  # seconds that a kernel gets to obey
START = 120  # seconds to import what the assignment imports
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
    """A kernel that is gone; the text says why."""


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
        self._own = max((_private(process) for process in self._processes()), default=0)
        self._shared = 0

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

    def fork(self, role: str, sock: socket.socket) -> tuple[int, int]:
        """A new kernel at the other end of `sock`, by its number."""
        self._shared = psutil.virtual_memory().shared
        return self.ask({"fork": role}, sock)["forked"]

    def memory(self) -> int:
        """Bytes that the kernels use: beyond what they have from the zygote, and as shared memory and files in memory,
        of which the machine only tells the sum (what other programs take meanwhile counts too)."""
        private = sum(max(0, _private(process) - self._own) for process in self._processes())
        return private + max(0, psutil.virtual_memory().shared - self._shared)

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
            self._process = jail.fork(role, theirs)

    def send(self, head: dict, parts: list[bytes] = ()) -> None:
        """Send it a message; KernelLost if it is gone or does not read."""
        self.sock.settimeout(GRACE)
        try:
            send(self.sock, head, parts)
        except (Closed, Late) as error:
            raise KernelLost("the kernel died") from error

    def receive(self, deadline: float) -> Message:
        """Its next message; KernelLost if it dies, is late by more than GRACE, or too large in message or memory."""
        try:
            return receive(self.sock, deadline + GRACE, self._watch)
        except Closed as error:
            raise KernelLost("the kernel died") from error
        except Late as error:
            raise KernelLost("it could not be interrupted") from error
        except WireError as error:
            raise KernelLost(f"the kernel broke off: {error}") from error

    def _watch(self) -> None:
        try:
            used = self.jail.memory()
        except psutil.NoSuchProcess:  # one ended while it was looked at
            return
        if used > MEMORY:
            raise KernelLost(f"it used {used / 2**30:.1f} GB of memory, {MEMORY >> 30} GB are there")

    def close(self) -> None:
        """End it and all that it started."""
        self.sock.close()
        self.jail.ask({"kill": self._process})


def _private(process: psutil.Process) -> int:
    memory = process.memory_info()
    return memory.rss - memory.shared


def try_jail() -> None:
    """CourseError with the reason if nothing can be jailed here."""
    tried = subprocess.run([*bubblewrap(Path("/nowhere")), "/usr/bin/true"], capture_output=True, text=True, env={})
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

    paths = {"PYTHONPATH": ":".join(map(str, _packages()))}
    environment = [part for name, value in {**ENVIRONMENT, **paths}.items() for part in ("--setenv", name, value)]
    hidden = ["--dev", "/dev", "--remount-ro", "/", "--die-with-parent"]
    namespaces = ["--unshare-user", "--unshare-all", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    inner = [
        "--proc",
        "/proc",
        "--tmpfs",
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
    folders = {Path("/usr"), Path(sys.prefix), Path(sys.base_prefix), *_packages()}
    folders |= {files} if files.is_dir() else set()
    arguments, made = ["--dir", "/jail"], set()
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


def _packages() -> list[Path]:
    """The folders that our own packages lie in: src/, or site-packages."""
    import tinyseq

    return sorted({Path(__file__).resolve().parents[2], Path(tinyseq.__file__).resolve().parents[1]})
