"""A notebook of many megabytes, which is mostly its outputs: a process of its own, with limits, reads it without them.

It runs as `python -m classroom.large NOTEBOOK` and prints the notebook. What reads a notebook in full (nbformat) takes
some hundred times the size of a hostile file in memory, and minutes.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .course import CourseError, parse_notebook, read_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

SMALL = 2_000_000  # bytes that are read in full
LARGEST = 500_000_000
MEMORY = 4 * 2**30
SECONDS = 60


def read_submitted(path: Path) -> "NotebookNode":
    """The notebook at `path`, a large one without its outputs; CourseError with the reason if it cannot be read."""
    if not path.is_file() or (size := path.stat().st_size) <= SMALL:
        return read_notebook(path)
    if size > LARGEST:
        raise CourseError(f"it has {size / 1e6:.0f} MB, and at most {LARGEST / 1e6:.0f} MB are read")
    done = subprocess.run([sys.executable, "-m", "classroom.large", str(path)], capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise CourseError(said or f"it has {size / 1e6:.0f} MB and takes longer than {SECONDS} s to read")
    return parse_notebook(done.stdout)


def main() -> None:
    """Print the notebook that the command line names, small enough to be read in full; exit with the reason if not."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        text = _lightened(json.loads(Path(sys.argv[1]).read_bytes()))
    except MemoryError:
        sys.exit(f"it takes more than {MEMORY >> 30} GB of memory to read")
    except Exception as error:  # whatever else a file may hold
        sys.exit(f"it is not a notebook: {' '.join(str(error).split())[:150] or type(error).__name__}")
    if len(text) > SMALL:
        sys.exit(f"it has {len(text) / 1e6:.0f} MB without its outputs, and at most {SMALL / 1e6:.0f} MB are read")
    sys.stdout.write(text)


def _lightened(nb: dict) -> str:
    """The notebook as JSON without outputs and, if it is still too large, without attached files."""
    nb["metadata"].pop("widgets", None)  # the state of what was shown
    for cell in nb["cells"]:
        if "outputs" in cell:
            cell["outputs"] = []
    text = json.dumps(nb)
    if len(text) > SMALL:
        for cell in nb["cells"]:
            cell.pop("attachments", None)
        text = json.dumps(nb)
    return text


if __name__ == "__main__":
    main()
