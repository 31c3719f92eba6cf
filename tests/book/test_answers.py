import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.slow

FAILING_STORAGE = """
for (const method of ["getItem", "setItem", "removeItem"]) {
  const original = Storage.prototype[method];
  Storage.prototype[method] = function (name, ...rest) {
    if (name.startsWith("quiz-")) throw new DOMException("refused", "QuotaExceededError");
    return original.call(this, name, ...rest);
  };
}
"""
NO_STORAGE = """
Object.defineProperty(window, "localStorage", { get() { throw new DOMException("refused", "SecurityError"); } });
"""


@pytest.fixture
def page(visit, small_book):
    return visit(small_book / "questions.html")


def form(page, number=0):
    return page.locator("form.quiz").nth(number)


def answer(page, letters, number=0):
    for letter in letters:
        form(page, number).locator("label").filter(has=page.locator(f"input[value={letter}]")).click()
    form(page, number).get_by_role("button", name="Check").click()
    return form(page, number).get_by_role("status").inner_text()


def score(page):
    return page.locator(".quiz-score p").inner_text()


def test_a_right_answer(page):
    assert score(page) == "0 of 2 right on this page"
    assert answer(page, "B") == "Right."
    assert score(page) == "1 of 2 right on this page"
    assert not form(page).locator("details").evaluate("details => details.open")


def test_a_wrong_answer_opens_nothing_by_force_and_offers_the_explanation(page):
    assert answer(page, "A") == "Not yet. Choose again, or open the explanation."
    assert score(page) == "0 of 2 right on this page"
    explanation = form(page).get_by_text("Answer: B")
    assert not explanation.is_visible()
    form(page).get_by_text("Explanation", exact=True).click()
    assert explanation.is_visible()
    assert form(page).locator("details mjx-container").first.is_visible()


def test_no_answer_is_neither_right_nor_wrong(page):
    assert answer(page, "") == "Choose an option first."
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('quiz-'))") == []


def test_several_right_options_must_all_be_chosen_and_no_other(page):
    assert answer(page, "A", 1).startswith("Not yet.")
    assert answer(page, "C", 1) == "Right."  # A is still chosen
    assert answer(page, "B", 1).startswith("Not yet.")
    assert score(page) == "0 of 2 right on this page"


def test_another_choice_takes_the_verdict_back(page):
    answer(page, "B")
    form(page).get_by_label("A").first.check()
    assert form(page).get_by_role("status").inner_text() == ""
    assert score(page) == "0 of 2 right on this page"
    page.reload()
    assert form(page).locator("input:checked").count() == 0


def test_answers_are_remembered_on_this_machine_until_cleared(page):
    answer(page, "A")
    answer(page, "AC", 1)
    page.reload()
    assert form(page).locator("input:checked").get_attribute("value") == "A"
    assert form(page).get_by_role("status").inner_text().startswith("Not yet.")
    assert form(page, 1).get_by_role("status").inner_text() == "Right."
    assert score(page) == "1 of 2 right on this page"

    page.get_by_role("button", name="Clear my answers on this page").click()
    for _ in range(2):
        assert page.locator("form.quiz input:checked").count() == 0
        assert page.locator("form.quiz output").all_inner_texts() == ["", ""]
        assert score(page) == "0 of 2 right on this page"
        page.reload()


def test_with_the_keyboard_alone(page):
    page.get_by_role("button", name="Copy").first.focus()  # in the listing before the options
    keys = page.keyboard
    keys.press("Tab")
    keys.press("Space")
    assert form(page).locator("input:checked").get_attribute("value") == "A"
    keys.press("ArrowDown")
    assert form(page).locator("input:checked").get_attribute("value") == "B"
    keys.press("Tab")
    while not page.evaluate("document.activeElement.matches('form.quiz button[type=submit]')"):
        keys.press("Tab")  # the listing in an option scrolls, so it is a stop too
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "solid" in outline and "0px" not in outline
    keys.press("Enter")
    assert form(page).get_by_role("status").inner_text() == "Right."
    keys.press("Tab")
    keys.press("Enter")
    assert form(page).get_by_text("Answer: B").is_visible()


def test_to_a_screen_reader(page):
    tree = form(page, 1).aria_snapshot()
    assert 'group "Several are right: choose all of them."' in tree
    assert 'checkbox "A 1"' in tree
    group = form(page, 1).get_by_role("group", name="Several are right")
    described = page.locator(f"#{group.get_attribute('aria-describedby')}")
    assert described.inner_text().strip() == "Which numbers are odd?"
    assert page.locator(".quiz-score p").get_attribute("aria-live") == "polite"
    assert "Copy" not in form(page).aria_snapshot().partition("group")[2].partition("status")[0]


def test_a_verdict_does_not_rest_on_colour_alone(page):
    def symbol():
        return form(page).locator("output").evaluate("output => getComputedStyle(output, '::before').content")

    answer(page, "B")
    right = symbol()
    answer(page, "A")
    assert "✓" in right and "✗" in symbol()


def test_full_storage_is_no_obstacle(visit, small_book):
    page = visit(small_book / "questions.html", script=FAILING_STORAGE)
    assert answer(page, "B") == "Right."
    assert score(page) == "1 of 2 right on this page"
    page.get_by_role("button", name="Clear my answers on this page").click()
    assert score(page) == "0 of 2 right on this page"


def test_no_storage_is_no_obstacle(visit, small_book):
    page = visit(small_book / "questions.html", script=NO_STORAGE)
    assert answer(page, "B") == "Right."
    # The theme itself asks for storage unprotected: these complaints are its own.
    assert visit.complaints and all("refused" in line or "localStorage" in line for line in visit.complaints)
    visit.complaints.clear()


def test_without_a_script_the_explanation_opens(visit, small_book):
    page = visit(small_book / "questions.html", java_script_enabled=False)
    assert not form(page).locator("button").is_visible()
    assert page.locator(".quiz-score").count() == 0
    assert form(page).get_by_label("B").first.is_visible()
    explanation = form(page).get_by_text("Answer: B")
    assert not explanation.is_visible()
    form(page).get_by_text("Explanation", exact=True).click()
    assert explanation.is_visible()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_in_an_answered_page(visit, small_book, mode):
    page = visit(small_book / "questions.html", color_scheme=mode)
    answer(page, "B")
    answer(page, "B", 1)
    form(page).locator("summary").click()
    form(page, 1).locator("summary").click()
    found = Axe().run(page, context="article", options={"preload": False}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
