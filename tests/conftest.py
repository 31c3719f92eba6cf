import nbval.kernel
import pytest


def pytest_configure():
    """A kernel that dies at its start is started again: another program was quicker to take one of its ports."""
    start = nbval.kernel.start_new_kernel

    def start_twice(*args, **kwargs):
        try:
            return start(*args, **kwargs)
        except RuntimeError:
            return start(*args, **kwargs)

    nbval.kernel.start_new_kernel = start_twice


def pytest_collection_modifyitems(items):
    """Every notebook is slow: it starts a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
