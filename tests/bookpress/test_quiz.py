import nbformat
import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from bs4 import BeautifulSoup

from bookpress import quiz

GOOD = """\
# Page

````{quiz} table-shape
:answer: B

What is the shape of `W[ids]`?

```python
ids = [[1, 2]]
```

- $(B, T)$
- `(B, T, D)`
- ```python
  print("code")
  ```

`(B, T)` is the shape of the ids: see [this page](index.md).

$$
x = W
$$
````
"""
SEVERAL = """\
# Page

:::{quiz} odd-ones
:answer: C, A

Which are odd?

- one
- two
- three

Two is even.
:::
"""

FAULTS = {
    "no answer": (":answer: B\n", "", "no right answer"),
    "empty answer": (":answer: B\n", ":answer: ,\n", "no right answer"),
    "unknown letter": (":answer: B", ":answer: D", ":answer: names 'D', but the options are A to C"),
    "small letter": (":answer: B", ":answer: b", ":answer: names 'b'"),
    "equal options": ("- $(B, T)$", "- **(B,\n  T, D)**", "options A and B are equal: '(B, T, D)'"),
    "no list": ("- ", "", "the options must be one bullet list, found 0"),
    "two lists": ("`(B, T)` is", "* one more\n\n`(B, T)` is", "the options must be one bullet list, found 2"),
    "one option": ("- $(B, T)$\n- `(B, T, D)`\n", "", "from 2 to 26 options are needed, found 1"),
    "no question": (
        "What is the shape of `W[ids]`?\n\n```python\nids = [[1, 2]]\n```\n",
        "",
        "no question before the options",
    ),
    "no explanation": (GOOD[GOOD.index("`(B, T)` is") : GOOD.rindex("````")], "", "no explanation after the options"),
    "bad name": ("table-shape", "Table_shape", "the name must be lower-case letters and digits joined by hyphens"),
}


@pytest.mark.parametrize("old, new, message", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported_at_its_line_until_it_is_mended(project, old, new, message):
    assert old in GOOD
    project.write("index.md", GOOD.replace(old, new))
    [warning] = project.build()
    assert warning.startswith("index.md:3: WARNING: quiz ")
    assert message in warning
    assert project.build() == [warning]  # nothing changed, and still reported
    project.write("index.md", GOOD)
    assert project.build() == []


def test_a_question_without_a_name_is_a_fault(project):
    project.write("index.md", GOOD.replace(" table-shape", ""))
    assert any(line.startswith("index.md:3:") and "argument" in line for line in project.build())


def test_a_fault_in_a_notebook_is_reported_at_cell_and_line(project):
    project.write("index.md", "# Start\n\n```{toctree}\nlesson\n```\n")
    cells = [nbformat.v4.new_markdown_cell("# Lesson"), nbformat.v4.new_markdown_cell(GOOD.replace("# Page", "## Ask"))]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
    nbformat.write(notebook, project.source / "lesson.ipynb")
    assert project.build() == []
    cells[1].source = cells[1].source.replace(":answer: B", ":answer: E")
    nbformat.write(notebook, project.source / "lesson.ipynb")
    [warning] = project.build()
    assert warning.startswith("lesson.ipynb:20003: WARNING: quiz table-shape: ")  # MyST-NB: 10000 x cell + line


def test_a_name_is_used_once_in_the_book_whatever_is_built_anew(project):
    project.write("index.md", GOOD + "\n```{toctree}\nother\n```\n")
    other = project.write("other.md", "# Other\n")
    assert project.build() == []

    project.write("other.md", SEVERAL.replace("odd-ones", "table-shape"))
    expected = ["other.md:3: WARNING: quiz table-shape: the name is taken by the question at index.md:3"]
    assert project.build() == expected
    assert project.build() == expected  # nothing changed
    project.write("index.md", (project.source / "index.md").read_text() + "\nMore.\n")
    assert project.build() == expected  # only the other page changed

    project.write("index.md", (project.source / "index.md").read_text().replace("table-shape", "shape-of-table"))
    assert project.build() == []  # mended on the page that was not reported
    project.write("other.md", SEVERAL.replace("odd-ones", "shape-of-table"))
    assert len(project.build()) == 1
    other.unlink()
    project.write("index.md", GOOD)
    assert project.build() == []


def test_a_name_used_twice_on_one_page(project):
    project.write("index.md", GOOD + GOOD.replace("# Page", ""))
    [warning] = project.build()
    assert warning.startswith(f"index.md:{len(GOOD.splitlines()) + 3}: ")


def test_pages_read_in_parallel_are_compared_too(project):
    pages = [f"page-{number}" for number in range(8)]
    project.write("index.md", "# Start\n\n```{toctree}\n" + "\n".join(pages) + "\n```\n")
    for page in pages:
        project.write(f"{page}.md", SEVERAL.replace("odd-ones", page))
    assert project.build(parallel=2) == []
    project.write("page-7.md", SEVERAL.replace("odd-ones", "page-0"))
    for page in pages[:7]:
        project.write(f"{page}.md", SEVERAL.replace("odd-ones", page) + "\nMore.\n")
    assert project.build(parallel=2) == [
        "page-7.md:3: WARNING: quiz page-0: the name is taken by the question at page-0.md:3"
    ]


def form_of(project, text, page="index"):
    project.write(f"{page}.md", text)
    assert project.build(nitpicky=True) == []
    return BeautifulSoup((project.out / "html" / f"{page}.html").read_text(), "html.parser").find("form")


def test_the_form_reads_without_a_script(project):
    form = form_of(project, GOOD)
    inputs = form.select("fieldset label > input[type=radio]")
    assert [tag["value"] for tag in inputs] == ["A", "B", "C"]
    assert {tag["name"] for tag in inputs} == {form["id"]} == {"quiz-table-shape"}
    assert form.fieldset.legend.text == "Choose one."
    assert "W[ids]" in form.find(id=form.fieldset["aria-describedby"]).text
    assert "print" in form.select("label")[2].find("pre").text
    assert form.find("output")["role"] == "status"
    assert form.button.has_attr("hidden")  # shown by the script, which alone gives it something to do
    details = form.find("details")
    assert not details.has_attr("open")
    assert details.summary.text == "Explanation"
    assert details.p.text == "Answer: B"
    assert details.select(".math") and details.a["href"] == "#"
    assert form["data-answer"] == "B"


def test_several_right_options_are_checkboxes_and_a_sentence_says_so(project):
    form = form_of(project, SEVERAL)
    assert len(form.select("fieldset label > input[type=checkbox]")) == 3
    assert form.fieldset.legend.text == "Several are right: choose all of them."
    assert form["data-answer"] == "AC"
    assert form.details.p.text == "Answer: A, C"


def test_letters_come_in_order_however_they_are_given():
    assert quiz.check_answer(" D,C , B,A,A", "ABCD") == ["A", "B", "C", "D"]


@pytest.mark.parametrize("builder, page", [("text", "index.txt"), ("latex", "projectnamenotset.tex")])
def test_other_builders_show_letters_answer_and_explanation(project, builder, page):
    project.write("index.md", SEVERAL)
    assert project.build(builder) == []
    text = (project.out / builder / page).read_text()
    options = ["A", "one", "B", "two", "C", "three"]
    pieces = ["Which are odd?", "Several are right", *options, "Answer: A, C", "Two is even."]
    places = [text.index(pieces[0])]
    for piece in pieces[1:]:
        places.append(text.index(piece, places[-1]))
    assert places == sorted(places)


def test_gettext_extracts_question_options_and_explanation_with_their_lines(project):
    project.write("index.md", GOOD)
    assert project.build("gettext") == []
    with open(project.out / "gettext" / "index.pot", "rb") as file:
        found = {message.id: [line for _, line in message.locations] for message in read_po(file) if message.id}
    assert found == {
        "Page": [1],
        "What is the shape of `W[ids]`?": [6],
        "$(B, T)$": [12],
        "`(B, T, D)`": [13],
        "`(B, T)` is the shape of the ids: see [this page](index.md).": [18],
        "\nx = W\n": [20],
    }


def test_what_the_page_says_itself_is_a_catalogue_of_its_own():
    found = {message for _, message, _, _ in extract_from_file("python", quiz.__file__)}
    assert found == {
        "Choose one.",
        "Several are right: choose all of them.",
        "Answer: {letters}",
        "Right.",
        "Not yet. Choose again, or open the explanation.",
        "Choose an option first.",
        "{n} of {m} right on this page",
        "Clear my answers on this page",
        "Check",
        "Explanation",
    }


def test_a_translated_page_speaks_its_language_throughout(project):
    interface, page = Catalog("de"), Catalog("de")
    for _, message, _, _ in extract_from_file("python", quiz.__file__):
        interface.add(message, f"DE {message}")
    for message in ("Which are odd?", "one", "Two is even."):
        page.add(message, f"DE {message}")
    folder = project.source / "locales" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with open(folder / "bookpress.mo", "wb") as file:
        write_mo(file, interface)
    with open(folder / "index.po", "wb") as file:
        write_po(file, page)
    project.write("conf.py", "def setup(app):\n    app.add_message_catalog('bookpress', app.confdir / 'locales')\n")
    project.write("index.md", SEVERAL)
    assert project.build(language="de", locale_dirs=["locales"]) == []
    form = BeautifulSoup((project.out / "html" / "index.html").read_text(), "html.parser").find("form")
    assert form.select_one(".quiz-question").text.strip() == "DE Which are odd?"
    assert [label.div.text.strip() for label in form.select("label")] == ["DE one", "two", "three"]
    assert form.legend.text == "DE Several are right: choose all of them."
    assert form.button.text == "DE Check"
    assert [line.text for line in form.details.select("summary, p")] == [
        "DE Explanation",
        "DE Answer: A, C",
        "DE Two is even.",
    ]
    messages = {name: text for name, text in form.attrs.items() if name.startswith("data-") and name != "data-answer"}
    assert len(messages) == 5 and all(text.startswith("DE ") for text in messages.values())
