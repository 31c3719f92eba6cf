"""Check questions are well made: enough of them, four options, a spread of letters, every wrong option explained."""

import re
from collections import Counter
from pathlib import Path

import pytest
import questions

ROOT = Path(__file__).parents[2]
PAGES = {path.parent.name: questions.read(path) for path in sorted((ROOT / "chapters").glob("*/check.md"))}
QUESTIONS = [question for page in PAGES.values() for question in page]
each_page = pytest.mark.parametrize("chapter", PAGES)
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)


@each_page
def test_a_chapter_has_at_least_12_questions_and_each_is_read(chapter):
    assert len(PAGES[chapter]) >= 12
    assert len(PAGES[chapter]) == (ROOT / "chapters" / chapter / "check.md").read_text(encoding="utf-8").count("{quiz}")


@each_page
def test_a_chapter_has_a_test_that_computes_its_answers(chapter):
    assert Path(__file__).with_name(f"test_{chapter.replace('-', '_')}_questions.py").exists()


@each_page
def test_the_right_letters_are_spread_evenly(chapter):
    counts = Counter(letter for question in PAGES[chapter] for letter in question.answers)
    assert max(counts.values()) - min(counts[letter] for letter in "ABCD") <= 2, counts


@each_page
def test_the_longest_option_is_seldom_the_right_one(chapter):
    def longest(question):
        return question.letters(lambda option: len(option) == max(map(len, question.options)))

    given_away = [question.id for question in PAGES[chapter] if longest(question) == question.answers]
    assert len(given_away) <= len(PAGES[chapter]) / 4, given_away


@each_page
def test_at_most_one_question_has_several_answers_and_it_says_so(chapter):
    several = [question for question in PAGES[chapter] if len(question.answers) > 1]
    assert len(several) <= 1
    assert all("are right" in question.text for question in several)


def test_ids_are_unique_in_the_book():
    assert [name for name, count in Counter(question.id for question in QUESTIONS).items() if count > 1] == []


@each_question
class TestQuestion:
    def test_has_a_kebab_case_id(self, question):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", question.id)

    def test_has_four_different_options_and_valid_answers(self, question):
        assert len(question.options) == len(set(question.options)) == 4
        assert question.answers == sorted(set(question.answers) & set("ABCD")) != []
        assert len(question.answers) < 4

    def test_explains_each_wrong_option(self, question):
        wrong = set("ABCD") - set(question.answers)
        assert set(re.findall(r"\*\*([A-D])\*\*", question.explanation)) == wrong

    def test_has_options_of_one_line(self, question):
        assert not any("\n" in option for option in question.options)

    def test_marks_a_blank_only_where_code_is_asked_for(self, question):
        blanks = sum(listing.count(questions.BLANK) for listing in question.listings)
        assert blanks == ("Fill in the blank" in question.text)
