import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tinyseq", "bookpress", "classroom")


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """The packages that a module imports, anywhere or at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_the_three_packages_do_not_know_each_other(package):
    others = set(PACKAGES) - {package}
    for path in (ROOT / "src" / package).rglob("*.py"):
        assert not imports(path) & others, path.name


def test_tinyseq_needs_numpy_and_scipy_alone_and_keras_in_one_module():
    allowed = {"numpy", "scipy", "tinyseq"} | set(sys.stdlib_module_names)
    for path in (ROOT / "src/tinyseq").rglob("*.py"):
        keras = {"keras"} if path.name == "keras_models.py" else set()
        assert imports(path, top_level_only=True) <= allowed | keras, path.name


def test_importing_tinyseq_silences_tensorflow_and_pins_its_arithmetic():
    code = "import tinyseq, os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    environment = {"PATH": "", "SYSTEMROOT": "", "TF_ENABLE_ONEDNN_OPTS": "1"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert out.stdout.split() == ["3", "1"]  # what the user sets stays
