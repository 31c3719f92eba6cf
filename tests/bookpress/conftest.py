import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.application import Sphinx
from sphinx.util.console import strip_colors
from sphinx.util.docutils import docutils_namespace, patch_docutils


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A tiny project: after `project.write(name, text)`, `project.build(builder, **config)` gives its warnings."""
    monkeypatch.setattr("sphinx.locale.translators", {})  # one language must not colour the next test
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()

    def write(name: str, text: str) -> Path:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def build(builder: str = "html", parallel: int = 1, **config) -> list[str]:
        config = {
            "extensions": ["myst_nb", "bookpress.quiz"],
            "nb_execution_mode": "off",
            "myst_enable_extensions": ["colon_fence", "dollarmath"],
            **config,
        }
        warnings = io.StringIO()
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                source,
                source if (source / "conf.py").exists() else None,
                out / builder,
                tmp_path / "doctrees" / builder,
                builder,
                confoverrides=config,
                status=None,
                warning=warnings,
                warningiserror=True,
                keep_going=True,
                parallel=parallel,
            )
            app.build()
        lines = strip_colors(warnings.getvalue()).replace(f"{source}/", "").splitlines()
        found = [line for line in lines if line and not line.startswith("build finished with problems")]
        assert app.statuscode == (1 if found else 0)
        return found

    return SimpleNamespace(source=source, out=out, write=write, build=build)
