import re
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = [*parse_toc_yaml(ROOT / "_toc.yml"), "search", "genindex"]
PHONE = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Left out are the theme's own findings of a lower impact: `region`, the book's title in the sidebar is in no landmark.
# Without its `preload`, axe does not ask for the style sheets anew, which a browser refuses in a folder.
AXE = {"preload": False, "resultTypes": ["violations"]}
GRAVE = ("serious", "critical")


def grave(page) -> list[str]:
    # Colours that fade into the new mode are looked at when they have arrived.
    page.evaluate("Promise.all(document.getAnimations().map(animation => animation.finished))")
    found = Axe().run(page, options=AXE).response["violations"]
    return [f"{fault['id']}: {node['html']}" for fault in found if fault["impact"] in GRAVE for node in fault["nodes"]]


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages_of(book) -> list[Path]:
    return [path for path in book.html.rglob("*.html") if "_static" not in path.parts]


def test_the_book_builds_without_a_warning(book):
    warnings = [line for line in book.log.splitlines() if re.search("WARNING|ERROR|SEVERE|CRITICAL", line)]
    assert warnings == []
    assert book.status == 0, book.log
    assert {path.relative_to(book.html).with_suffix("").as_posix() for path in pages_of(book)} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_quiet_and_accessible(book, visit, name):
    page = visit(book.html / f"{name}.html", color_scheme="light")
    formulas = len(soup(book.html / f"{name}.html").select(".math"))
    assert page.locator("mjx-container").count() == formulas
    assert page.locator("mjx-merror").count() == 0
    assert {"light": grave(page)} == {"light": []}
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme == 'dark'")
    assert {"dark": grave(page)} == {"dark": []}
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0


def test_every_link_within_the_book_leads_somewhere(book):
    pages = {path: soup(path) for path in pages_of(book)}
    targets = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for tag in page.select("[href], [src]"):
            link = urlsplit(tag.get("href") or tag.get("src"))
            if link.scheme or link.netloc:
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            if not target.is_file() or (link.fragment and link.fragment not in targets[target]):
                broken.append(f"{path.relative_to(book.html)}: {link.geturl()}")
    assert broken == []


def test_each_lesson_can_be_downloaded(book):
    lessons = [name for name in PAGES if (ROOT / f"{name}.ipynb").exists()]
    assert lessons
    for name in lessons:
        path = book.html / f"{name}.html"
        links = [tag["href"] for tag in soup(path).select("a.btn-download-source-button")]
        assert links
        [notebook] = {(path.parent / link).resolve() for link in links if link.endswith(".ipynb")}
        assert nbformat.read(notebook, 4) == nbformat.read(ROOT / f"{name}.ipynb", 4)


def test_the_archive_unpacks_to_a_book_that_opens(book, visit, tmp_path):
    [link] = soup(book.html / "index.html").select('a[href$=".zip"]')
    with zipfile.ZipFile(book.html / link["href"]) as archive:
        archive.extractall(tmp_path)
    [folder] = tmp_path.iterdir()
    page = visit(folder / "index.html")
    page.locator("article a.reference").first.click()
    page.wait_for_url("**/chapters/1-embedding/index.html")
    assert page.locator("article h1").inner_text().startswith("1. Embedding")


def test_search_finds_a_page(book, visit):
    page = visit(book.html / "index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("embedding")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=embedding")
    result = page.locator("#search-results li a").first
    result.wait_for()
    assert page.locator('#search-results a[href*="chapters/1-embedding/"]').count() > 0
    result.click()
    assert "embedding" in page.locator("article").inner_text().lower()


def test_the_mode_can_be_switched_and_is_remembered(small_book, visit):
    def background(selector):
        return page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")

    page = visit(small_book / "lesson.html", color_scheme="light")
    mode = page.locator("html")
    light = background("body")
    for _ in range(3):
        if mode.get_attribute("data-mode") != "dark":
            page.locator(".theme-switch-button:visible").first.click()
    assert mode.get_attribute("data-theme") == "dark"
    page.reload()
    assert mode.get_attribute("data-theme") == "dark"
    assert background("body") != light
    # A plot is a transparent picture in ink that both modes show: the theme would put a white card behind it.
    assert background("div.cell_output img") == "rgba(0, 0, 0, 0)"


def test_dark_mode_is_there_from_the_first_moment(small_book, visit):
    page = visit(small_book / "wide.html", color_scheme="dark")
    assert page.locator("html").get_attribute("data-theme") == "dark"


@pytest.mark.parametrize("name", ["questions", "wide", "lesson"])
def test_wide_things_scroll_on_a_phone_and_the_page_does_not(small_book, visit, name):
    page = visit(small_book / f"{name}.html", viewport=PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    assert grave(page) == []
    if name == "wide":
        for box in (".pst-scrollable-table-container", "div.highlight pre", "div.math mjx-container"):
            assert page.locator(box).first.evaluate("box => box.scrollWidth > box.clientWidth"), box
        assert page.locator(".pst-scrollable-table-container").get_attribute("tabindex") == "0"
    if name == "lesson":
        shape = page.locator("div.cell_output img").evaluate("image => image.width / image.height")
        assert shape == pytest.approx(2, rel=0.02)


def test_a_folded_chapter_has_a_name_in_the_sidebar(small_book, visit):
    page = visit(small_book / "index.html")
    assert page.locator(".bd-sidebar summary").get_attribute("aria-label") == "Questions"


def test_launch_and_repository_buttons_appear_with_the_address(small_book, small_book_with_address):
    def links(book):
        return {tag["href"] for tag in soup(book / "lesson.html").select(".bd-header-article a[href^=http]")}

    assert links(small_book) == set()
    hosts = {urlsplit(link).hostname for link in links(small_book_with_address)}
    assert hosts == {"github.com", "mybinder.org", "colab.research.google.com"}
