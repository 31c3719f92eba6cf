"""What a class got: a row for each submission, as text, CSV and JSON."""

import csv
import io
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from textwrap import shorten

from .course import write_file
from .report import Report, printable

# What became of a submission, from best to worst.
GRADED = "graded"
STOPPED = "stopped"  # a cell took too long, or ended its kernel: the tasks won until then count
UNREADABLE = "unreadable"  # there is no notebook to grade: 0 points
FAILED = "failed"  # the grader's own fault: no grade, and the next run tries again


@dataclass(frozen=True)
class Result:
    """A submission's grade. points: by task; mistakes: by task that lost some; manual: the tasks marked by hand.

    submission and tests: digests of what was handed in and of what it was graded with.
    """

    student: str
    state: str
    reason: str
    points: dict[str, float]
    mistakes: dict[str, str] = field(default_factory=dict)
    manual: list[str] = field(default_factory=list)
    submission: str = ""
    tests: str = ""

    @property
    def total(self) -> float:
        return sum(self.points.values())

    def save(self, path: Path) -> None:
        write_file(path, (json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> "Result | None":
        """The result that was saved at `path`, or None if there is none."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{each.name: data[each.name] for each in fields(cls)})
        except (OSError, ValueError, KeyError, TypeError):
            return None


def state_of(report: Report) -> tuple[str, str]:
    """The state and the reason of a submission that was run. A stop that costs no points is none."""
    stopped = [f"{each.task}: {each.mistake}" for each in report.results if each.stopped and each.mistake]
    return (STOPPED, stopped[0]) if stopped else (GRADED, "")


def table(results: list[Result], max_points: dict[str, float]) -> str:
    """The results for a terminal: student, points, points by task, state and reason."""
    names = [f"{number}" for number, _ in enumerate(max_points, 1)]
    head = ["student", "points", *names, "state", "reason"]
    rows = []
    for each in results:
        points = [f"{each.points.get(task, 0):g}" for task in max_points]
        reason = shorten(each.reason, 100, placeholder=" …")
        rows.append([printable(each.student), f"{each.total:g}", *points, each.state, reason])
    most = ["of", f"{sum(max_points.values()):g}", *(f"{points:g}" for points in max_points.values()), "", ""]
    widths = [max(len(row[column]) for row in [head, most, *rows]) for column in range(len(head) - 1)]
    lines = []
    for row in [head, most, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-2], widths[1:-1], strict=True)]
        cells += [row[-2].ljust(widths[-1]), row[-1]]
        lines.append("  ".join(cells).rstrip())
    lines += ["", *(f"{number:>2}  {task}" for number, task in enumerate(max_points, 1))]
    return "\n".join(lines)


def write(results: list[Result], max_points: dict[str, float], path: Path) -> list[Path]:
    """Write the results as `path` with .csv and .json; the files."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "points", "max_points", *max_points, "state", "reason", "mistakes", "by hand"])
    for each in results:
        points = [f"{each.points.get(task, 0):g}" for task in max_points]
        mistakes = "; ".join(f"{task}: {mistake}" for task, mistake in each.mistakes.items())
        row = [each.student, f"{each.total:g}", f"{sum(max_points.values()):g}", *points, each.state, each.reason]
        writer.writerow([_harmless(cell) for cell in [*row, mistakes, " ".join(each.manual)]])
    data = {"max_points": max_points, "results": [{"total": each.total, **asdict(each)} for each in results]}
    files = [path.with_suffix(".csv"), path.with_suffix(".json")]
    write_file(files[0], text.getvalue().encode("utf-8-sig"))  # the mark tells spreadsheets that it is UTF-8
    data = (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")
    write_file(files[1], data)  # a folder's name may be no UTF-8
    return files


def _harmless(cell: str) -> str:
    """A cell on one line that no spreadsheet takes for a formula, whatever a learner wrote."""
    cell = printable(cell)
    return f"'{cell}" if cell.startswith(tuple("=+-@＝＋－＠")) else cell


def differences(old: list[Result], new: list[Result]) -> list[str]:
    """Whose points changed, in which task, and why: a line each."""
    before = {each.student: each for each in old}
    lines = []
    for each in new:
        if each.student not in before:
            continue
        was, name = before[each.student], printable(each.student)
        for task in each.points:
            if each.points[task] != was.points.get(task):
                lost = was.reason if was.state == UNREADABLE else was.mistakes.get(task)
                why = each.mistakes.get(task) or (f"no longer: {lost}" if lost else "it gives other points")
                lines.append(f"{name}  {task}  {was.points.get(task, 0):g} -> {each.points[task]:g}  {why}")
        if each.state != was.state:
            lines.append(f"{name}  {was.state} -> {each.state}  {each.reason}")
    return lines
