"""What a submission may look for, get out of, take too much of, or leave behind."""

# What stands in these functions runs as a cell: after attacks.tools, and with their names.
# ruff: noqa: B023, E401, F821, I001, RUF012

from attacks import called, own


# The tests' source, and what else lies about


@called(says="tried")
def frames(x):
    """The test in the frames above."""
    import inspect, linecache, traceback

    found = [repr(each) for each in inspect.stack()] + traceback.format_stack()
    frame = sys._getframe()
    while frame:
        found += [repr(frame.f_locals), repr(frame.f_globals), repr(frame.f_code.co_consts)]
        frame = frame.f_back
    found += ["".join(lines[2]) for lines in linecache.cache.values() if len(lines) > 2]
    shell = get_ipython()
    found += [repr(shell.user_ns.get(name)) for name in ("In", "Out", "_ih", "_i", "_dh")]
    attempt("history", lambda: list(shell.history_manager.get_range()))
    needle = "".join(reversed("srettam tsal eht"))
    raise RuntimeError("TOOK " * any("wrong ax" + "is" in each or needle in each for each in found) + "tried")


@called(says="tried True")
def all_objects(x):
    """The test among all objects of the process."""
    import gc

    needles = ["".join(reversed(text)) for text in ("gnorw seog eno fo hctab", "stnuoc eno tsal eht")]
    seen, found, queue = set(), [], gc.get_objects()
    while queue:
        each = queue.pop()
        if id(each) in seen or each is needles:
            continue
        seen.add(id(each))
        if isinstance(each, str) and len(each) < 1000 and any(needle in each for needle in needles):
            found.append(each)
        queue += gc.get_referents(each)
    found = [each for each in found if each not in needles]
    raise RuntimeError(f"TOOK {found}" if found else f"tried {len(seen) > 10_000}")


@own()
def proc():
    """What /proc tells of this and other processes."""
    names = ["environ", "cmdline", "mem", "maps", "root", "cwd", "fd", "ns/mnt", "mountinfo", "status"]
    for process in ["self", "thread-self", *range(1, 20), "@port@"]:
        for name in names:
            path = f"/proc/{process}/{name}"
            if (process, name) != ("self", "cmdline"):
                attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1000))
    for name in ("mounts", "net/unix", "kallsyms", "keys", "kcore", "sysrq-trigger"):
        attempt(name, lambda: open(f"/proc/{name}", "rb").read(1000))
    print(open("/proc/self/cmdline").read())


@own()
def other_memory():
    """The memory of other processes."""
    buffer = ctypes.create_string_buffer(8)

    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    here, there = Part(ctypes.addressof(buffer), 8), Part(id(None), 8)
    for process in [0, -1, *range(2, 300)]:
        for name, act in [
            ("read", lambda: call("process_vm_readv", process, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)),
            ("attach", lambda: call("ptrace", 16, process, 0, 0)),
            ("pidfd", lambda: os.pidfd_open(process)),
        ]:
            attempt(f"{name} {process}", act)


@own()
def signals():
    """Signals to whoever can be reached."""
    for process in [-1, os.getppid(), *range(2, 300)]:
        if process:  # 0 is the own group
            attempt(process, os.kill, process, signal.SIGKILL)
    attempt("parent", os.getpgid, os.getppid() or 99)
    attempt("session", os.killpg, 99, signal.SIGKILL)


@own()
def peer():
    """The worker, through the socket to it."""
    peer = socket.socket(fileno=os.dup(3))
    if process := struct.unpack("iii", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]:
        print("TOOK its number", process)
    with suppress(OSError):
        descriptor = peer.getsockopt(socket.SOL_SOCKET, 77)  # SO_PEERPIDFD
        attempt("signal", signal.pidfd_send_signal, descriptor, 0)
        for number in range(10):
            attempt("getfd", lambda: call("syscall", 438, descriptor, number, 0))
        attempt("setns", lambda: call("setns", descriptor, 0x20000))


@own()
def descriptors():
    """What is open in this process."""
    import stat

    for number in range(4, 5000):
        with suppress(OSError):
            mode = os.fstat(number).st_mode
            print("TOOK", number, "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else oct(mode))
    attempt("terminal", os.open, "/dev/tty", os.O_RDWR)
    attempt("type into it", lambda: __import__("fcntl").ioctl(0, 0x5412, b"x"))
    for number in (0, 1, 2):
        attempt(number, os.ttyname, number)


@own()
def environment():
    """The grader's environment."""
    print(dict(os.environ))
    for name in os.environ:
        if "CANARY" in name or "SECRET" in name:
            print("TOOK", name)
    here = ctypes.c_char_p.in_dll(libc, "program_invocation_name").value
    print(here, sys.argv, sys.orig_argv)


# Files outside


@own()
def read_course():
    """The course: solutions, gradebook, what others handed in, what was graded."""
    work = "1-demo/1-demo.ipynb"
    for name in (f"solutions/{work}", f"submitted/honest-right/{work}", "gradebook.db", "nbgrader_config.py"):
        attempt(name, lambda: open(f"@root@/{name}", "rb").read())
    for name in ("solutions", "submitted", "autograded", "feedback"):
        attempt(name, os.listdir, f"@root@/{name}")
    print(os.listdir("@root@"))
    print(open("@root@/exercises/1-demo/1-demo.ipynb").read()[:50])  # what all were given


@own()
def read_home():
    """Secrets of the user and of the system."""
    home = "@home@ @home@/canary.txt @home@/.ssh/id_ed25519 @file@ /var/run/docker.sock /run/docker.sock"
    system = "/etc/shadow /etc/passwd /etc/hostname /etc/resolv.conf /run /sys/kernel /boot /mnt /srv /var"
    devices = "/dev/sda /dev/vda /dev/mem /dev/kmsg /dev/fuse /dev/kvm /dev/net/tun /dev/loop-control"
    for path in f"{home} {system} {devices}".split():
        attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1000))


@own()
def search():
    """Anything of the grader's, wherever it lies."""
    skipped = ("/usr", "/proc", "/dev", sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix))
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if not os.path.join(folder, name).startswith(skipped)]
        for name in files:
            if name.endswith((".db", "canary.txt")) or "solutions" in folder or "submitted" in folder:
                print("TOOK", folder, name)
    print(os.listdir("/"))


@own()
def links():
    """Files outside, through links."""
    for number, target in enumerate(["@file@", "/etc/shadow", "@root@/gradebook.db", "/proc/1/root/etc/shadow"]):
        os.symlink(target, f"/jail/link{number}")
        attempt(target, lambda: open(f"/jail/link{number}", "rb").read())
        attempt(target, os.link, target, f"/jail/hard{number}")
    attempt("up", lambda: open("../" * 40 + "@file@").read())
    attempt(
        "handle",
        lambda: call("open_by_handle_at", -100, ctypes.create_string_buffer(b"\x08\0\0\0\1\0\0\0" + bytes(16)), 0),
    )


@own()
def write():
    """Files outside, written."""
    import classroom, sysconfig

    packages = sysconfig.get_path("purelib")
    own = [packages, os.path.dirname(classroom.__file__), sys.prefix + "/bin", sys.base_prefix]
    others = "@root@ @root@/exercises/1-demo @home@ /usr/lib /usr/bin /etc / /dev /root /var/tmp /run /sys /dev/pts"
    places = own + others.split()
    for place in places:
        attempt(place, lambda: open(os.path.join(place, "attack-marker"), "w"))
    released = "@root@/exercises/1-demo/1-demo.ipynb"
    for path in (classroom.__file__, packages + "/numpy/__init__.py", sys.executable, "/usr/bin/true", released):
        attempt(path, os.open, path, os.O_WRONLY)
        attempt(path, os.chmod, path, 0o777)
        attempt(path, os.utime, path, (0, 0))
        attempt(path, os.rename, path, path + "-attacked")
        attempt(path, os.truncate, path, 0)
        attempt(path, os.setxattr, path, "user.attack", b"x")


@own()
def import_folder():
    """A module in the jail that a later import takes."""
    for name in ("numpy", "json", "sitecustomize", "tinyseq"):
        open(f"/jail/{name}.py", "w").write("raise SystemExit('TOOK')")
    os.environ["PYTHONPATH"] = "/jail"


# Out of the jail


@own()
def namespaces():
    """Namespaces of one's own, where one is root."""
    for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x10020000, 0x02000000):
        attempt(hex(flag), call, "unshare", flag)
    for command in (["unshare", "-U", "true"], ["unshare", "-r", "-m", "true"], ["bwrap", "--unshare-user", "true"]):
        done = subprocess.run(command, capture_output=True) if os.path.exists("/usr/bin/" + command[0]) else None
        print("TOOK" if done and done.returncode == 0 else "met", command, done and done.stderr)
    for name in ("mnt", "pid", "user", "net"):
        attempt(name, os.open, f"/proc/1/ns/{name}", os.O_RDONLY)
    attempt("setns", call, "setns", 3, 0)


@own()
def mounts():
    """Mounts, and another root."""
    os.makedirs("/jail/root/old")
    attempt("tmpfs", call, "mount", b"none", b"/jail/root", b"tmpfs", 0, b"")
    attempt("proc", call, "mount", b"none", b"/proc", b"proc", 0, b"")
    attempt("remount", call, "mount", b"none", b"/", b"none", 32, b"")
    attempt("bind", call, "mount", b"/usr", b"/jail/root", b"none", 4096, b"")
    attempt("umount", call, "umount2", b"/proc", 2)
    attempt("umount", call, "umount2", b"/jail", 2)
    attempt("chroot", os.chroot, "/jail/root")
    attempt(
        "pivot_root",
        lambda: call("syscall", {"x86_64": 155}.get(os.uname().machine, 41), b"/jail/root", b"/jail/root/old"),
    )
    attempt("device", os.mknod, "/jail/disk", 0o60666, os.makedev(8, 0))


@own()
def calls():
    """System calls that nobody here needs."""
    room = ctypes.create_string_buffer(bytes(256), 256)
    attempt("perf", syscall, "perf_event_open", room, 0, -1, -1, 0)
    attempt("bpf", syscall, "bpf", 0, room, 128)
    attempt("io_uring", syscall, "io_uring_setup", 8, room)
    attempt("userfaultfd", syscall, "userfaultfd", 1)
    attempt("memfd", syscall, "memfd_create", b"x", 0)
    attempt("memfd_secret", syscall, "memfd_secret", 0)
    attempt("add_key", syscall, "add_key", b"user", b"attack", b"x", 1, -4)
    attempt("keyctl", syscall, "keyctl", 0, -3, 1)
    attempt("modules", call, "init_module" if hasattr(libc, "init_module") else "reboot", 0, 0, b"")
    if os.uname().machine == "x86_64":
        attempt("add_key by another number", lambda: call("syscall", 0x40000000 + 248, b"user", b"attack", b"x", 1, -4))


@own()
def become_root():
    """Programs that run as root."""
    attempt("setuid", os.setuid, 0)
    attempt("setgroups", os.setgroups, [0])
    attempt("chown", os.chown, "/jail", 0, 0)
    print(open("/jail/x", "w").close(), os.getuid(), os.geteuid())
    for path in ("su", "mount", "umount", "sudo", "passwd", "newgrp", "chsh", "ping", "pkexec", "fusermount3"):
        path = f"/usr/bin/{path}"
        if os.path.exists(path):
            done = subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True, timeout=1)
            print("met", path, done.returncode, done.stderr)
    code = "import os; os.setuid(0); print('TOOK', os.getuid())"
    os.chmod("/jail/x", 0o6755)
    print(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout.decode())


@own()
def clock():
    """The clock, the name, the limits and the rights of the machine."""
    now = (ctypes.c_long * 4)(0, 0, 0, 0)
    attempt("clock", time.clock_settime, time.CLOCK_REALTIME, 0)
    attempt("settimeofday", call, "settimeofday", now, 0)
    attempt("name", socket.sethostname, "attacked")
    attempt("nice", os.nice, -5)
    attempt("scheduler", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        attempt(limit, resource.setrlimit, limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    attempt("no new rights", call, "prctl", 38, 0, 0, 0, 0)
    attempt("a capability", call, "prctl", 47, 2, 21, 0, 0)
    attempt("log", lambda: call("klogctl", 2, ctypes.create_string_buffer(100), 100))


@own()
def network():
    """The network: this machine's and the world's."""
    attempt("tcp", socket.create_connection, ("127.0.0.1", int("@port@")), 1)
    attempt("tcp 6", socket.create_connection, ("::1", int("@port@")), 1)
    attempt("name", socket.getaddrinfo, "nowhere.invalid", 80)
    attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int("@port@"))))
    for address in ("@socket@", "\0@abstract@", "/run/dbus/system_bus_socket", "/var/run/docker.sock"):
        attempt(address, socket.socket(socket.AF_UNIX).connect, address)
    attempt("raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
    attempt("packet", socket.socket, getattr(socket, "AF_PACKET", 17), socket.SOCK_RAW)
    for family in (16, 31, 38, 40):  # netlink, Bluetooth, the kernel's ciphers, the host of a virtual machine
        attempt(family, socket.socket, family, socket.SOCK_STREAM)


# More than one's share


@own()
def forks():
    """400 processes."""
    made = 0
    for _ in range(400):
        try:
            if os.fork() == 0:
                time.sleep(1000)
                os._exit(0)
            made += 1
        except OSError as error:
            print("met", error)
            break
    print("TOOK" if made >= 300 else "made", made)


@own()
def fork_bomb():
    """Processes that make processes."""
    end = time.monotonic() + 1
    with suppress(OSError):
        while time.monotonic() < end:
            os.fork()
    if os.getpid() != 1:
        time.sleep(1000)


@own()
def threads():
    """1000 threads."""
    made = []
    with suppress(RuntimeError):
        for _ in range(1000):
            made.append(threading.Thread(target=time.sleep, args=[1000], daemon=True))
            made[-1].start()
    print("TOOK" if len(made) > 200 else "made", len(made), "tried")


@own()
def memory():
    """3 GB in one array."""
    attempt("3 GB", lambda: np.ones(3 << 27).sum())


@own(says="GB of memory, 2 GB are there")
def memory_processes():
    """2.7 GB in processes of 56 MB each."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    code = "import time; x = bytearray(b'x') * (56 << 20); time.sleep(1000)"
    for _ in range(48):
        subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
    time.sleep(1000)


@own()
def memory_unmapped():
    """Memory that counts only where a process touches it."""

    def hold():
        files = [os.memfd_create(str(number)) for number in range(10)]
        for file in files:
            os.write(file, bytes(50 << 20))
        return len(files)

    import mmap

    attempt("memfd", hold)
    attempt("shared", mmap.mmap, -1, 1 << 30)
    attempt("zeros", mmap.mmap, os.open("/dev/zero", os.O_RDWR), 1 << 30)
    attempt("shm", syscall, "shmget", 0, 512 << 20, 0o1600)
    attempt("messages", syscall, "msgget", 0, 0o1600)
    attempt("semaphores", syscall, "semget", 0, 100, 0o1600)


@own()
def fill():
    """Every place that can be written, filled."""

    def fill(place):
        done = 0
        with suppress(OSError):
            for number in range(8):
                with open(f"{place}/fill{number}", "wb") as file:
                    for _ in range(48):
                        done += file.write(bytes(1 << 20))
                        file.flush()
        return done >> 20

    for place in ("/jail", "/tmp", "/dev/shm", "/proc", "/var/tmp", "/dev"):
        size = fill(place)
        print("TOOK" if size > 100 else "filled", place, size, "MB")


@own()
def inodes():
    """As many files as there can be."""
    made = 0
    with suppress(OSError):
        for made in range(100_000):
            os.mkdir(f"/jail/{made}")
    print("TOOK" if made > 10_000 else "made", made)


@own()
def sparse():
    """A file of 100 GB with nothing in it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    open("/jail/sparse", "w").close()
    attempt("100 GB", os.truncate, "/jail/sparse", 100 << 30)


@own(says="x{1000}")
def print():
    """100 MB printed."""
    line = "x" * 1_000_000
    for _ in range(100):
        print(line)
    os.write(1, b"x" * 1_000_000)


@called()
def print_in_call(x):
    """100 MB printed while it is tested."""
    print("x" * 100_000_000)
    return x


# No end


@own(says="could not be interrupted")
def loop():
    """A loop that catches its interrupt."""
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


@own(says="could not be interrupted")
def block_alarm():
    """A sleep that Python does not see, and that no interrupt ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    libc.sleep(1000)


@own(says="could not be interrupted")
def reset_timer():
    """A loop that resets the timer."""
    while True:
        signal.setitimer(signal.ITIMER_REAL, 0)


@own(says="took longer than")
def sleep():
    """A sleep of a thousand seconds."""
    time.sleep(1000)


@called(says="took longer than")
def wait_in_call(x):
    """A wait for what never comes, while it is tested."""
    threading.Event().wait()


@called(says="took longer than")
def lock_in_call(x):
    """A lock that is never let go."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@called(says="tried")
def signals_in_call(x):
    """All signals to its own process."""
    for number in {*range(1, 65)} - {9, 19}:
        with suppress(OSError, ValueError):
            signal.signal(number, lambda *_: None)
            os.kill(1, number)
    raise RuntimeError("tried")


# To stay


@own()
def daemon():
    """Processes that leave their parent and ignore every signal."""
    call("prctl", 1, 0, 0, 0, 0)
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            call("prctl", 1, 0, 0, 0, 0)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            for number in {*range(1, 32)} - {9, 19}:
                signal.signal(number, signal.SIG_IGN)
            call("prctl", 15, b"not-a-learner", 0, 0, 0)
            os.closerange(0, 100)
            while True:
                time.sleep(1)
    subprocess.Popen(["/usr/bin/setsid", "/usr/bin/nohup", "/usr/bin/sleep", "1000"], start_new_session=True)
    time.sleep(0.2)


@own(says="tried|could not be interrupted")
def tracer():
    """Processes that hold each other."""
    child = os.fork()
    if child == 0:
        call("ptrace", 0, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(1000)
    grandchild = os.fork()
    if grandchild == 0:
        with suppress(OSError):
            call("ptrace", 0x4206, 1, 0, 0)
        time.sleep(1000)
    os.kill(grandchild, signal.SIGSTOP)


@own()
def stopped():
    """A process that is stopped in another's fork."""
    if os.fork() == 0:
        libc.vfork()
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)


# For an accomplice, whose submission is the next one in the same jail


@own()
def accomplice_1():
    """Leaves something for the next one, wherever it can."""
    for place in places:
        with suppress(OSError):
            open(place + "/attack-marker", "w").write("x")
    for key, act in [
        ("key", lambda: syscall("add_key", b"user", b"attack-marker", b"x", 1, -4)),
        ("segment", lambda: syscall("shmget", 4711, 4096, 0o1666)),
        ("semaphores", lambda: syscall("semget", 4711, 1, 0o1666)),
        ("queue", lambda: call("mq_open", b"/attack-marker", 0o102, 0o666, 0)),
        ("name", lambda: socket.sethostname("attack-marker")),
    ]:
        with suppress(OSError):
            print(key, act())
    if os.fork() == 0:
        import fcntl

        with suppress(OSError):
            fcntl.flock(os.open("@root@/exercises/1-demo/1-demo.ipynb", os.O_RDONLY), fcntl.LOCK_EX)
        name = socket.socket(socket.AF_UNIX)
        name.bind("\0attack-marker")
        name.listen()
        time.sleep(1000)
    np.mean = np.sum = np.allclose = lambda *args, **kwargs: 0
    np.random.seed(99)
    __import__("random").seed(99)
    os.environ["ATTACK_MARKER"] = "x"
    sys.modules["attack_marker"] = np
    import classroom.jail.student

    classroom.jail.student.marker = True
    __import__("builtins").marker = True
    time.sleep(0.1)


@own()
def accomplice_2():
    """Looks for what the one before it left."""
    found = [place for place in places if os.path.exists(place + "/attack-marker")]
    found += [name for name in os.listdir("/jail") if name != ".ipython"]
    for key, act in [
        ("key", lambda: syscall("keyctl", 10, -4, b"user", b"attack-marker", 0)),
        ("segment", lambda: syscall("shmget", 4711, 4096, 0o666)),
        ("semaphores", lambda: syscall("semget", 4711, 1, 0o666)),
        ("queue", lambda: call("mq_open", b"/attack-marker", 2, 0, 0)),
        ("socket", lambda: socket.socket(socket.AF_UNIX).connect("\0attack-marker")),
    ]:
        attempt(key, act)
    import fcntl

    try:
        fcntl.flock(os.open("@root@/exercises/1-demo/1-demo.ipynb", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        found.append(error)
    import classroom.jail.student

    found += [name for name in ("ATTACK_MARKER",) if name in os.environ]
    found += [name for name in ("attack_marker",) if name in sys.modules]
    found += ["name"] * (socket.gethostname() == "attack-marker") + ["mean"] * bool(np.mean([1, 3]) != 2)
    found += ["patch"] * (hasattr(classroom.jail.student, "marker") or hasattr(__import__("builtins"), "marker"))
    found += ["random"] * bool(np.random.get_state()[1][0] == 99)
    found += ["process"] * any(os.path.exists(f"/proc/{number}") for number in range(2, 100))
    print("TOOK" if found else "met nothing", found)
