"""What every study writes down: how it was made, when, with which versions, and a row for each result."""

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path


def write(script: str, rows: list[dict], packages: tuple[str, ...] = (), **more) -> None:
    """Write the rows of a study as JSON beside its script. `more` are entries of its own, such as settings."""
    path = Path(script)
    study = {
        "command": f"python benchmarks/{path.name}",
        "date": str(date.today()),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("numpy", *packages)},
        **more,
        "rows": rows,
    }
    path.with_suffix(".json").write_text(json.dumps(study, indent=1) + "\n", encoding="utf-8")
