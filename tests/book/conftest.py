import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
collect_ignore = ["small"]  # its notebook is a page, not a test
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Chromium asks its maker's servers for updates and settings on its own account: not here.
QUIET = ["background-networking", "component-update", "sync", "quic", "gpu"]


def build_book(source: Path, out: Path) -> SimpleNamespace:
    """What `make book` does, to another place: the folder of pages, and what the build said."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", source, "--path-output", out]
    run = subprocess.run(
        [*command, "-W", "-n", "--keep-going"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return SimpleNamespace(html=out / "_build" / "html", status=run.returncode, log=run.stdout)


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> SimpleNamespace:
    """The real book, built once."""
    return build_book(ROOT, tmp_path_factory.mktemp("book"))


def build_small(source: Path, address: str = "") -> Path:
    """The pages of `small/` in the real book's settings and style: tests of behaviour do not depend on the chapters."""
    shutil.copytree(Path(__file__).parent / "small", source, dirs_exist_ok=True)
    shutil.copytree(ROOT / "_static", source / "_static")
    shutil.copy(ROOT / "references.bib", source)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = address
    (source / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    built = build_book(source, source)
    assert built.status == 0, built.log
    return built.html


@pytest.fixture(scope="session")
def small_book(tmp_path_factory) -> Path:
    return build_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_book_with_address(tmp_path_factory) -> Path:
    return build_small(tmp_path_factory.mktemp("addressed"), "https://github.com/example/example")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    arguments = [f"--disable-{service}" for service in QUIET] + ["--no-first-run"]
    with sync_playwright() as playwright:
        # As root, which a container's user is, Chromium does not start with its sandbox.
        yield playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0, args=arguments)


class Visitor:
    """Opens pages, each in a profile of its own, and notes what a reader should not meet."""

    def __init__(self, browser: Browser):
        self.browser = browser
        self.complaints = []  # requests that leave the machine or fail; errors and warnings in the console

    def __call__(self, path: Path, query: str = "", script: str = "", **options) -> Page:
        """The page, loaded and its formulas drawn. `script` runs before its own; options are those of the profile."""
        context = self.browser.new_context(**options)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        note = self.complaints.append
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or note(f"left: {request.url}"))
        page.on("requestfailed", lambda request: note(f"failed: {request.url}"))
        page.on("console", lambda line: line.type in ("error", "warning") and note(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: note(f"error: {error}"))
        page.goto(path.as_uri() + query)
        if options.get("java_script_enabled", True):
            page.evaluate("window.MathJax?.startup.promise")
        return page


@pytest.fixture
def visit(browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    for context in browser.contexts:
        context.close()
    assert visitor.complaints == []
