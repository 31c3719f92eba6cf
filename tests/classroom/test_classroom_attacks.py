"""No submission wins a point that it did not earn, reads or changes what is not its own, or stays: see attacks.py."""

import contextlib
import csv
import hashlib
import json
import mmap
import os
import re
import secrets
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import attacks_for_points  # noqa: F401
import attacks_on_jail  # noqa: F401
import attacks_on_wire  # noqa: F401
import pytest
from attacks import ATTACKS, FULL, HONEST, NAME, NOTHING, RIGHT_FOR_ONE, WRONG, World
from attacks_in_folders import REFUSED, RIGHT
from school import CHAPTER, ROOT, answers, limit, read, write, write_course

from classroom.__main__ import main
from classroom.assignment import grade_id
from classroom.course import Course, CourseError
from classroom.jail import seccomp, worker
from classroom.jail.tester import error_of
from classroom.jail.worker import NOBODY, _binds, bubblewrap
from classroom.release import release
from classroom.results import FAILED, GRADED, STOPPED, UNREADABLE

pytestmark = pytest.mark.slow

SECONDS = 3  # that a cell may take
SECRET = secrets.token_hex(8)  # in every file that an attack looks for
HIDDEN = ("a batch of one goes wrong", "with an odd number of rows", "the mean over time has no time axis")
SOLUTIONS = ("return x.mean(axis=0)", "return x[::2]")
ACCOMPLICES = ("accomplice-1", "accomplice-2")
HONEST_ONES = {
    HONEST: ({**RIGHT, "mean_columns": RIGHT_FOR_ONE.format(token=SECRET)}, FULL),
    "honest-wrong": ({**WRONG, "choose_shape": RIGHT["choose_shape"]}, NOTHING | {"choose-shape": 1}),
}


@dataclass
class Graded:
    """What one grading of all attacks left: the rows by student, what the terminal got, what has changed, and what was
    heard outside."""

    world: World
    rows: dict
    terminal: str
    changed: list
    heard: list
    seconds: float

    def said(self, student: str) -> tuple[str, str]:
        """What a submission's own cells said, and what all of its cells and its row say."""
        path = self.world.root / "autograded" / student / CHAPTER / NAME
        row = self.rows[student]
        own, tests = [], [row["reason"], *row["mistakes"].values()]
        for cell in read(path).cells if path.exists() else ():
            texts = [each.get("text", "") + each.get("evalue", "") for each in cell.get("outputs", [])]
            (tests if (grade_id(cell) or "").endswith("-test") else own).extend(texts)
        return "\n".join(own), "\n".join(own + tests)


@pytest.fixture(scope="module")
def graded(jailed, tmp_path_factory):
    world = make_world(tmp_path_factory.mktemp("hostile"))
    hand_in(world, ATTACKS)
    before, started = contents(world), time.monotonic()
    with listening(world) as heard:
        done = [grade(world, "--jobs", "1", "--student", *ACCOMPLICES), grade(world, "--jobs", "2")]
    seconds = time.monotonic() - started
    terminal = b"".join(each.stdout + each.stderr for each in done).decode()
    assert [each.returncode for each in done] == [0, 1], terminal  # 1: there are names that are refused
    after = contents(world)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return Graded(world, rows(world), terminal, changed, heard, seconds)


def make_world(folder: Path) -> World:
    """The demo course, released, and secrets around it."""
    course = write_course(folder / "course")
    release(course)
    limit(course, SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    world = World(course.root, folder / "home", folder / "canary.txt", port, folder / "listening", f"attacked-{port}")
    for path in (world.file, world.home / "canary.txt", world.home / ".ssh" / "id_ed25519"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    return world


def hand_in(world: World, attacks: dict) -> None:
    """The attacks' submissions, and those of two who know nothing of them."""
    course = Course(world.root)
    for student, attack in attacks.items():
        folder = world.root / "submitted" / student / CHAPTER
        folder.mkdir(parents=True)
        attack.hand_in(course, folder, world)
    for student, (given, _) in HONEST_ONES.items():
        write(world.root / "submitted" / student / CHAPTER / NAME, answers(course, **given))


def grade(world: World, *options: str, under: tuple = (), **environment: str) -> subprocess.CompletedProcess:
    """`classroom grade` in a process, with a secret in its environment. under: a command that runs it."""
    environment = {**os.environ, "HOME": str(world.home), "CANARY": SECRET, "CLASSROOM_DB": "", **environment}
    environment = {name: value for name, value in environment.items() if value}
    command = [*under, sys.executable, "-m", "classroom", "grade", CHAPTER, *options]
    return subprocess.run(command, cwd=world.root, env=environment, capture_output=True, timeout=900)


def rows(world: World) -> dict:
    text = (world.root / f"grades-{CHAPTER}.json").read_text(encoding="utf-8")
    return {row["student"]: row for row in json.loads(text)["results"]}


def contents(world: World) -> dict[str, str]:
    """All files that grading has no business with, and digests of them; and the names of those that it may write."""
    found = {}
    places = [world.root, world.file, world.home, ROOT / "src", *Path("/tmp").glob("attack*")]
    for path in [each for place in places for each in (place, *place.rglob("*"))]:
        if path.is_relative_to(world.root / "autograded") or path.name.startswith((".classroom-", "__pycache__")):
            continue
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file() and path.stat().st_size < 10**9 and path.suffix != ".pyc":
            found[str(path)] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    for name in ("gradebook.db", f"grades-{CHAPTER}.csv", f"grades-{CHAPTER}.json"):
        found.pop(str(world.root / name), None)
    return found


@contextlib.contextmanager
def listening(world: World):
    """Sockets for attacks to call; who called is known at the end."""
    heard = []
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", world.port)))]
        for address in (str(world.socket), f"\0{world.abstract}"):
            servers.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            servers[-1].bind(address)
            servers[-1].listen()
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", world.port))
        yield heard
        for server in [*servers, datagrams]:
            server.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                heard.append(server.recvfrom(100) if server is datagrams else server.accept())


def jailed_processes(world: World) -> list[str]:
    """The processes that have a file of the course in their file system as a mount: those in its jails."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(world.root) in (process / "mountinfo").read_text():
                found.append(f"{process.name} {(process / 'cmdline').read_text()[:200]}")
    return found


def test_the_honest_get_exactly_their_points(graded):
    for student, (_, points) in HONEST_ONES.items():
        row = graded.rows[student]
        assert (row["points"], row["state"], row["reason"], row["manual"]) == (points, GRADED, "", [])


def test_everyone_has_a_row_and_no_one_else(graded):
    assert set(graded.rows) == {*ATTACKS, *HONEST_ONES}
    with contextlib.closing(sqlite3.connect(graded.world.root / "gradebook.db")) as db:
        assert {student for (student,) in db.execute("SELECT id FROM student")} == set(graded.rows) - {*REFUSED}
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone() == (0,)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_what_it_earned(graded, name):
    row, attack = graded.rows[name], ATTACKS[name]
    assert row["points"] == attack.points
    assert row["state"] in ((FAILED,) if name in REFUSED else (GRADED, STOPPED, UNREADABLE))
    own, everywhere = graded.said(name)
    assert re.search(attack.says, everywhere), "it was not tried"
    assert len(own) < 1_000_000
    assert "TOOK" not in everywhere
    assert not [text for text in (SECRET, *SOLUTIONS) if text in everywhere]
    assert not [text for text in HIDDEN if text in own]


def test_nothing_outside_has_changed(graded):
    assert graded.changed == []


def test_nobody_outside_was_called(graded):
    assert graded.heard == []


def test_no_process_stays(graded):
    end = time.monotonic() + 5
    while (left := jailed_processes(graded.world)) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []


def test_it_came_to_an_end(graded):
    assert graded.seconds < 2 * len(ATTACKS)


def test_what_is_shown_does_no_harm(graded):
    assert re.findall(r"[^\n\x20-\x7e\xa0-\u1fff\u2010-\u2027\u2030-\uffff]", graded.terminal) == []
    with open(graded.world.root / f"grades-{CHAPTER}.csv", encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) > 9 * len(ATTACKS)
    harmful = re.compile(r"[=+\-@\t\r\n＝＋－＠]|.*[\x00-\x1f\x7f-\x9f]")
    assert list(filter(harmful.match, cells)) == []


FOR_NOBODY = """accomplice-1 accomplice-2 calls daemon descriptors fill memory-processes mounts namespaces network
peer proc read-course read-home search signals write""".split()


def test_the_jail_holds_for_a_grader_that_is_not_root(jailed, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user, so all of them have shown it")
    world = make_world(tmp_path)
    hand_in(world, {name: ATTACKS[name] for name in FOR_NOBODY})
    (tmp_path / "tmp").mkdir()
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, int(NOBODY), int(NOBODY), follow_symlinks=False)
    done = grade(world, "--jobs", "1", under=nobody(tmp_path), TMPDIR=str(tmp_path / "tmp"))
    said = done.stderr.decode()
    if done.returncode == 2 and re.search("namespace|uid map", said):
        pytest.skip(f"an ordinary user may not make a jail on this machine: {said}")
    assert done.returncode == 0, said
    found = Graded(world, rows(world), said, [], [], 0)
    assert (world.root / "gradebook.db").stat().st_uid == int(NOBODY)
    assert {student: row["points"] for student, row in found.rows.items()} == {
        **{name: NOTHING for name in FOR_NOBODY},
        **{student: points for student, (_, points) in HONEST_ONES.items()},
    }
    for name in FOR_NOBODY:
        own, _ = found.said(name)
        assert re.search(ATTACKS[name].says, own), name
        assert "TOOK" not in own and SECRET not in own, name


def nobody(folder: Path) -> tuple:
    """What runs a command as a user without rights, who can read the interpreter and write `folder`."""
    devices = [part for name in ("/dev", "/proc") for part in ("--dev-bind", name, name)]
    user = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    return ("bwrap", *_binds(folder), "--bind", str(folder), str(folder), *devices, *user)


@pytest.fixture
def without_bubblewrap(released, monkeypatch):
    """A released course with the honest submissions, where no bubblewrap is found."""
    for student, (given, _) in HONEST_ONES.items():
        write(released.root / "submitted" / student / CHAPTER / NAME, answers(released, **given))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    return released


def test_without_a_jail_nothing_is_graded(without_bubblewrap, capfd):
    before = sorted(without_bubblewrap.root.rglob("*"))
    assert main(["grade", CHAPTER]) == 2
    said = capfd.readouterr().err
    assert "bubblewrap" in said and "it is not there" in said and "--unsafe" in said
    after = [path for path in sorted(without_bubblewrap.root.rglob("*")) if not path.name.startswith(".classroom-")]
    assert after == before


def test_unsafe_grades_without_a_jail_and_says_so(without_bubblewrap, capfd):
    assert main(["grade", CHAPTER, "--unsafe", "--jobs", "1"]) == 0
    assert "Not jailed" in capfd.readouterr().err
    found = json.loads((without_bubblewrap.root / f"grades-{CHAPTER}.json").read_text())["results"]
    assert {row["student"]: row["points"] for row in found} == {
        student: points for student, (_, points) in HONEST_ONES.items()
    }


def test_a_system_that_allows_a_jail_but_no_namespaces_in_it_is_found_out_before_grading(jailed, monkeypatch):
    def without_capability(files):
        command = bubblewrap(files)
        at = command.index("CAP_SYS_ADMIN")
        return command[: at - 1] + command[at + 1 :]

    monkeypatch.setattr(worker, "bubblewrap", without_capability)
    with pytest.raises(CourseError, match=r"cannot be jailed here \(unshare: .*Operation not permitted.*--unsafe"):
        worker.try_jail()


def test_a_course_that_the_jail_would_show_is_not_graded_in_it(jailed):
    with pytest.raises(CourseError, match="submissions could read the course, which lies in"):
        bubblewrap(Path(sys.prefix, "exercises", CHAPTER))


def test_no_error_of_a_submission_ends_a_loop_of_a_test():
    error = error_of(
        {"classes": ["builtins.StopIteration", "builtins.Exception"], "name": "StopIteration", "text": "x"}
    )
    assert not isinstance(error, StopIteration)


@pytest.mark.parametrize("machine", seccomp.CALLS)
def test_the_filter_refuses_what_it_should_on_each_machine(machine):
    audit, some, refused = seccomp.CALLS[machine]

    def allowed(number, *arguments, audit=audit):
        return run_filter(seccomp.program(machine), struct.pack("=IIQ6Q", number, audit, 0, *arguments))

    nothing = [0] * 6
    assert not any(allowed(number, *nothing) for number in refused.values())
    assert all(allowed(number, *nothing) for number in set(range(450)) - {*refused.values(), some["socket"]})
    assert not allowed(0, *nothing, audit=audit ^ 1) and not allowed(seccomp.X32, *nothing)
    assert [family for family in range(50) if allowed(some["socket"], family, *nothing[1:])] == [socket.AF_UNIX]
    flags = [flags for flags in range(64) if not allowed(some["mmap"], 0, 0, 0, flags, 0, 0)]
    assert flags == [flags for flags in range(64) if flags & mmap.MAP_SHARED and flags & mmap.MAP_ANONYMOUS]


def run_filter(code: bytes, call: bytes) -> bool:
    """Whether a filter lets a system call pass, which it reads as <linux/seccomp.h> lays it out."""
    steps, at, word = list(struct.iter_unpack("=HBBI", code)), 0, 0
    while True:
        step, if_so, if_not, operand = steps[at]
        if step == seccomp.RETURN:
            return operand == seccomp.ALLOW
        if step == seccomp.LOAD:
            (word,) = struct.unpack_from("=I", call, operand)
        tests = {seccomp.EQUAL: word == operand, seccomp.NOT_LESS: word >= operand, seccomp.ANY_BIT: word & operand}
        at += 1 + (0 if step == seccomp.LOAD else if_so if tests[step] else if_not)


def test_the_filter_is_not_guessed_for_other_machines():
    with pytest.raises(LookupError, match="the system calls of vax are not known"):
        seccomp.program("vax")
