"""A chapter's name is one word everywhere, and a finished chapter has all its parts."""

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHAPTERS = ["1-embedding", "2-pooling", "3-cbow", "4-birnn", "5-seq2seq", "6-attention"]
FINISHED = [chapter for chapter in CHAPTERS if (ROOT / "chapters" / chapter / "check.md").exists()]


def toc_files() -> list[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    return [page["file"] for chapter in chapters for page in [chapter, *chapter.get("sections", [])]]


def test_every_page_is_in_the_contents_once_and_in_order():
    files = toc_files()
    pages = {path for path in (ROOT / "chapters").rglob("*") if path.suffix in (".md", ".ipynb")}
    pages = {path for path in pages if path.parent.name != ".ipynb_checkpoints"}
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in pages}
    assert len(files) == len(set(files)) and set(files) == pages
    assert [file.split("/")[1] for file in files if file.endswith("/index")] == CHAPTERS


def test_the_landing_page_says_which_chapters_are_finished():
    assert FINISHED == CHAPTERS[: len(FINISHED)]
    assert f"Chapters 1 to {len(FINISHED)} are finished" in (ROOT / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("chapter", FINISHED)
def test_a_finished_chapter_has_all_its_parts(chapter):
    assert len(list((ROOT / "chapters" / chapter).glob("*.ipynb"))) >= 2
    for folder in ("solutions", "exercises"):
        assert [path.name for path in (ROOT / folder / chapter).glob("*.ipynb")] == [f"{chapter}.ipynb"]


@pytest.mark.parametrize("chapter", FINISHED)
def test_the_index_of_a_chapter_leads_to_each_of_its_pages(chapter):
    index = (ROOT / "chapters" / chapter / "index.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([\w-]+)\.(?:ipynb|md)\)", index)
    in_contents = [file.split("/")[2] for file in toc_files() if file.split("/")[1] == chapter]
    assert ["index", *linked] == in_contents


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_unfinished_chapter_says_so_in_a_few_lines(chapter):
    text = (ROOT / "chapters" / chapter / "index.md").read_text(encoding="utf-8")
    assert chapter in FINISHED or (re.search(r"^To come:", text, flags=re.MULTILINE) and len(text) < 500)


def test_terms_given_in_japanese_are_in_the_glossary():
    glossary = (ROOT / "chapters/appendix/glossary.md").read_text(encoding="utf-8")
    for path in (ROOT / "chapters").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for term in re.findall(r"\(([^()\n]*[\u3040-\u30ff\u4e00-\u9fff][^()\n]*)\)", prose):
            assert term in glossary, f"{path.name}: {term}"


def test_every_lesson_was_measured_and_runs_within_the_budget():
    with open(ROOT / "benchmarks/run_times.csv", encoding="utf-8") as file:
        seconds = {row["notebook"]: float(row["seconds"]) for row in csv.DictReader(file)}
    assert set(seconds) >= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("chapters/*/*.ipynb")}
    for chapter in FINISHED:
        lesson, together = (90, 240) if chapter in ("5-seq2seq", "6-attention") else (60, 120)
        times = [time for path, time in seconds.items() if path.startswith(f"chapters/{chapter}/")]
        assert max(times) < lesson and sum(times) < together


def test_no_file_says_which_machine_made_it():
    hosts = "|".join(("pypi", "pythonhosted", "npmjs"))
    for pattern in ("*.md", "*.txt", "*.toml", "*.yml", "src/**/*.py", "chapters/**/*.md", "chapters/**/*.ipynb"):
        for path in ROOT.glob(pattern):
            assert not re.search(rf"(?:{hosts})\.(?:org|com)", path.read_text(encoding="utf-8")), path.name
