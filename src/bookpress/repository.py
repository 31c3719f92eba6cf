"""Sphinx extension: the launch and repository buttons appear once `_config.yml` has the repository's address.

Without it Jupyter Book refuses the repository buttons, and the theme fails on the launch buttons.
"""

from sphinx.application import Sphinx
from sphinx.config import Config


def show_buttons(app: Sphinx, config: Config) -> None:
    options = config.html_theme_options
    if options.get("repository_url"):
        options.update(use_repository_button=True, use_issues_button=True)
    else:
        options.pop("launch_buttons", None)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", show_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
