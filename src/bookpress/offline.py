"""Sphinx extension: MathJax inside the built book, and the whole book as one archive.

With both, the book opens from a folder, from a USB stick or from an unpacked archive, and no request leaves the machine.
"""

import zipfile
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

# What a page asks for: the entry point, its fonts, the MathML for screen readers, and macros loaded when first used.
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "a11y/assistive-mml.js", "input/tex/extensions")


def use_own_mathjax(app: Sphinx) -> None:
    app.config.mathjax_path = "mathjax/tex-chtml.js"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    target = Path(app.outdir, "_static", "mathjax")
    if error or app.builder.format != "html" or target.exists():
        return
    # The package is used for its files; its own extension would copy all 24 MB of them.
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for part in MATHJAX_PARTS:
        into = (target / part).parent if (source / part).is_file() else target / part
        copy_asset(source / part, into)


def write_archive(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    root = Path(app.outdir)
    archive = root / app.config.book_archive
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path != archive]
    if archive.exists() and all(path.stat().st_mtime < archive.stat().st_mtime for path in files):
        return
    unfinished = archive.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as book:
        for path in files:
            book.write(path, archive.stem / path.relative_to(root))
    unfinished.replace(archive)


def setup(app: Sphinx) -> dict:
    app.add_config_value("book_archive", "book.zip", "", str)
    app.connect("builder-inited", use_own_mathjax)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_archive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
