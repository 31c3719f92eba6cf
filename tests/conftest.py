import pytest


def pytest_collection_modifyitems(items):
    """Every notebook is slow: it starts a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
