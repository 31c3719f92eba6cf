"""Sphinx extension: MathJax inside the built book, and the whole book as one archive.

With both, the book opens from a folder, a USB stick or an unpacked archive, and no request leaves the machine.
"""

import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

# What a page asks for: the entry point, its fonts, the MathML for screen readers, and macros loaded when first used.
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "a11y/assistive-mml.js", "input/tex/extensions")


def add_mathjax(app: Sphinx) -> None:
    """Copy MathJax before the pages are written, because each page names it with its checksum."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    if app.builder.format != "html":
        return
    # The package is used for its files; its own extension would copy all 24 MB of them.
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    target = Path(app.outdir, "_static", "mathjax")
    for part in MATHJAX_PARTS:
        into = (target / part).parent if (source / part).is_file() else target / part
        copy_asset(source / part, into)  # leaves equal files alone


def write_archive(app: Sphinx, error: Exception | None) -> None:
    """Put the built book into one zip beside its pages, unless the one there holds the same files already."""
    if error or app.builder.format != "html":
        return
    root = Path(app.outdir)
    archive = root / app.config.book_archive
    files = {
        (archive.stem / path.relative_to(root)).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path != archive
    }
    if archive.exists():
        with zipfile.ZipFile(archive) as book:
            held = {entry.filename: entry.CRC for entry in book.infolist()}
        if held == {name: zlib.crc32(path.read_bytes()) for name, path in files.items()}:
            return
    unfinished = archive.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as book:
        for name, path in files.items():
            book.write(path, name)
    unfinished.replace(archive)


def setup(app: Sphinx) -> dict:
    app.add_config_value("book_archive", "book.zip", "", str)
    app.connect("builder-inited", add_mathjax)
    app.connect("build-finished", write_archive, priority=900)  # after the theme, which still changes a file here
    return {"parallel_read_safe": True, "parallel_write_safe": True}
