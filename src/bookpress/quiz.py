"""Sphinx extension: the ``{quiz}`` directive, a check question that is answered on the page.

::

    :::{quiz} table-shape
    :answer: B

    The question: paragraphs, formulas, listings.

    - the first option, lettered A
    - the second one, lettered B

    The explanation.
    :::

The argument names the question and is unique in the book. ``:answer:`` takes several letters too (``A, C``). Everything
before the list is the question, everything after it the explanation. A fault is a warning at the question's line.
"""

import html
import re
from pathlib import Path
from string import ascii_uppercase
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import get_translation
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).parent
logger = logging.getLogger(__name__)
_ = get_translation("bookpress")  # a catalogue of its own: locales/<language>/LC_MESSAGES/bookpress.po


class quiz(nodes.container):
    """Question, instruction, definition list of lettered options, explanation: plain nodes for any builder."""


class Quiz(SphinxDirective):
    """Read one question; report a fault in it at its line, in this build and in each one until it is mended."""

    required_arguments = 1
    option_spec: ClassVar = {"answer": directives.unchanged}
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        notebook = self.env.doc2path(self.env.docname).endswith(".ipynb")
        line = self.lineno - notebook  # in a notebook (10000 for each cell) MyST-NB counts one too many
        self.env.bookpress_quizzes.setdefault(self.env.docname, []).append((name, line))
        try:
            return [self.read(name)]
        except ValueError as fault:
            logger.warning("quiz %s: %s", name, fault, location=(self.env.docname, line), type="quiz")
            self.env.note_reread()
            return []

    def read(self, name: str) -> quiz:
        """The question's nodes. Raises ValueError that names the fault."""
        if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ValueError("the name must be lower-case letters and digits joined by hyphens, like table-shape")
        content = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, content)
        lists = [place for place, child in enumerate(content) if isinstance(child, nodes.bullet_list)]
        if len(lists) != 1:
            raise ValueError(f"the options must be one bullet list, found {len(lists)}")
        question, options, explanation = content[: lists[0]], content[lists[0]], content[lists[0] + 1 :]
        if not question:
            raise ValueError("no question before the options")
        if not explanation:
            raise ValueError("no explanation after the options")
        letters = check_options(options)
        answer = check_answer(self.options.get("answer", ""), letters)

        instruction = _("Several are right: choose all of them.") if len(answer) > 1 else _("Choose one.")
        key = _("Answer: {letters}").format(letters=", ".join(answer))
        lettered = [
            nodes.definition_list_item("", nodes.term("", letter), nodes.definition("", *option.children))
            for letter, option in zip(letters, options, strict=True)
        ]
        result = quiz(
            "",
            nodes.container("", *question, classes=["quiz-question"], ids=[f"quiz-{name}-question"]),
            nodes.paragraph("", str(instruction)),
            nodes.definition_list("", *lettered),
            nodes.container("", nodes.paragraph("", key), *explanation),
            ids=[f"quiz-{name}"],
            classes=["quiz"],
            answer=answer,
        )
        self.set_source_info(result)
        return result


def check_options(options: nodes.bullet_list) -> str:
    """One letter for each option. Raises ValueError where there are too few or too many, or two read the same."""
    if not 2 <= len(options) <= len(ascii_uppercase):
        raise ValueError(f"from 2 to {len(ascii_uppercase)} options are needed, found {len(options)}")
    letters = ascii_uppercase[: len(options)]
    seen = {}
    for letter, option in zip(letters, options, strict=True):
        text = " ".join(option.astext().split())
        if text in seen:
            raise ValueError(f"options {seen[text]} and {letter} are equal: {text!r}")
        seen[text] = letter
    return letters


def check_answer(text: str, letters: str) -> list[str]:
    """The right letters in order. Raises ValueError where there is none, or one that no option has."""
    answer = sorted({letter.strip() for letter in text.split(",")} - {""})
    if not answer:
        raise ValueError("no right answer: give its letter as :answer:")
    for letter in answer:
        if letter not in letters:
            raise ValueError(f":answer: names {letter!r}, but the options are {letters[0]} to {letters[-1]}")
    return answer


def visit_quiz_html(self: HTML5Translator, node: quiz) -> None:
    question, instruction, options, explanation = node.children
    kind = "checkbox" if len(node["answer"]) > 1 else "radio"
    data = {
        "data-answer": "".join(node["answer"]),
        "data-right": _("Right."),
        "data-wrong": _("Not yet. Choose again, or open the explanation."),
        "data-none": _("Choose an option first."),
        "data-score": _("{n} of {m} right on this page"),
        "data-reset": _("Clear my answers on this page"),
    }
    # Without the script the button would only reload the page; the explanation needs no script.
    self.body.append(self.starttag(node, "form", autocomplete="off", **data))
    question.walkabout(self)
    self.body.append(f'<fieldset aria-describedby="{question["ids"][0]}">\n')
    self.body.append(f"<legend>{html.escape(instruction.astext())}</legend>\n")
    for letter, option in options:
        letter = letter.astext()
        self.body.append(f'<label><input type="{kind}" name="{node["ids"][0]}" value="{letter}">\n')
        self.body.append(f'<span class="quiz-letter">{letter}</span><div>')
        for part in option:
            part.walkabout(self)
        self.body.append("</div></label>\n")
    self.body.append("</fieldset>\n")
    check, explain = html.escape(_("Check")), html.escape(_("Explanation"))
    self.body.append(f'<p><button type="submit" hidden>{check}</button> <output role="status"></output></p>\n')
    self.body.append(f"<details><summary>{explain}</summary>\n")
    for part in explanation:
        part.walkabout(self)
    self.body.append("</details></form>\n")
    raise nodes.SkipNode


def start(app: Sphinx) -> None:
    app.config.html_static_path.append(str(HERE / "static"))
    if not hasattr(app.env, "bookpress_quizzes"):
        app.env.bookpress_quizzes = {}  # docname: [(name, line), ...]


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    env.bookpress_quizzes.pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    env.bookpress_quizzes.update((name, found) for name, found in other.bookpress_quizzes.items() if name in docnames)


def check_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Report each name that an earlier question has: in every build, whatever was read again."""
    first = {}
    for docname, found in sorted(env.bookpress_quizzes.items()):
        for name, line in found:
            if name in first:
                message = "quiz %s: the name is taken by the question at %s:%s"
                logger.warning(message, name, *first[name], location=(docname, line), type="quiz")
            else:
                first[name] = (env.doc2path(docname, base=False), line)


def setup(app: Sphinx) -> dict:
    app.add_message_catalog("bookpress", str(HERE / "locales"))
    app.add_node(quiz, html=(visit_quiz_html, None))
    app.add_directive("quiz", Quiz)
    app.add_css_file("quiz.css")
    app.add_js_file("quiz.js", loading_method="defer")
    app.connect("builder-inited", start)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", check_names)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
