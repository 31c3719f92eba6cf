import zipfile

import pytest
from bs4 import BeautifulSoup


@pytest.fixture
def book(project):
    project.write("index.md", "# Page\n\n$x$\n\n```{toctree}\nother\n```\n")
    project.write("other.md", "# Other\n")
    # An extension that changes the pages when the build has finished, as the theme does.
    project.write(
        "conf.py",
        """
from pathlib import Path

def finish(app, error):
    if app.builder.format == "html":
        Path(app.outdir, "late.txt").write_text("late")

def setup(app):
    app.connect("build-finished", finish)
""",
    )
    build = project.build
    config = {"extensions": ["myst_nb", "bookpress.offline"], "book_archive": "tiny-book.zip"}
    project.build = lambda *args: build(*args, **config)
    project.html = project.out / "html"
    project.archive = project.html / "tiny-book.zip"
    assert project.build() == []
    return project


def test_mathjax_is_a_small_part_of_the_book(book):
    page = BeautifulSoup((book.html / "index.html").read_text(), "html.parser")
    sources = [script["src"] for script in page.select("script[src]")]
    assert not [source for source in sources if "//" in source]
    [mathjax] = [source for source in sources if "mathjax" in source]
    assert (book.html / mathjax.partition("?")[0]).is_file()
    folder = book.html / "_static" / "mathjax"
    assert len(list((folder / "output" / "chtml" / "fonts" / "woff-v2").glob("*.woff"))) > 20
    assert (folder / "a11y" / "assistive-mml.js").is_file()
    assert (folder / "input" / "tex" / "extensions" / "physics.js").is_file()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3e6


def test_mathjax_is_made_whole_again(book):
    part = book.html / "_static" / "mathjax" / "a11y" / "assistive-mml.js"
    whole = part.read_bytes()
    part.write_bytes(whole[:100])  # as a build that was interrupted leaves it
    assert book.build() == []
    assert part.read_bytes() == whole


def test_the_archive_holds_every_file_as_it_is(book):
    with zipfile.ZipFile(book.archive) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {
        f"tiny-book/{path.relative_to(book.html).as_posix()}": path.read_bytes()
        for path in book.html.rglob("*")
        if path.is_file() and path != book.archive
    }
    assert "tiny-book/late.txt" in held
    assert not list(book.html.glob("*.part"))


def test_the_archive_is_written_again_only_when_a_file_has_changed(book):
    def written():
        return book.archive.stat().st_mtime_ns

    first = written()
    assert book.build() == []
    assert written() == first
    (book.html / "late.txt").touch()
    assert book.build() == []
    assert written() == first

    book.write("other.md", "# Another\n")
    assert book.build() == []
    second = written()
    assert second > first
    (book.html / "_sources" / "other.md.txt").unlink()
    assert book.build() == []
    assert written() > second


def test_other_builders_get_neither(book):
    assert book.build("gettext") == []
    names = {path.name for path in (book.out / "gettext").rglob("*")}
    assert names == {"index.pot", "other.pot"}
