"""Sphinx extension: what the theme needs for a book that is opened from a folder, and by everybody.

``templates/layout.html`` and ``static/theme.js`` mend the theme's own faults; each says which.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

HERE = Path(__file__).parent


def configure(app: Sphinx, config: Config) -> None:
    config.templates_path.append(str(HERE / "templates"))
    config.html_static_path.append(str(HERE / "static"))


def drop_thebe(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Leave out Thebe: it would fetch its code from a server, and its settings, inserted twice, are an error."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()
    ]


def setup(app: Sphinx) -> dict:
    app.add_js_file("theme.js", loading_method="defer")
    app.connect("config-inited", configure)
    app.connect("html-page-context", drop_thebe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
