"""Finding the course, and reading what may not be a notebook."""

import json
import os

import pytest
from nbformat.v4 import new_notebook
from school import CHAPTER

from classroom.course import Course, CourseError, parse_notebook, read_notebook, write_file


def test_a_course_is_found_from_any_folder_in_it(course):
    assert Course.find(course.solution(CHAPTER).parent) == course


def test_outside_a_course_the_error_says_what_was_looked_for(tmp_path):
    with pytest.raises(CourseError, match="does not lie in a course: no folder from here upwards has nbgrader_config"):
        Course.find(tmp_path)


def test_an_unknown_chapter_is_answered_with_those_there_are(course):
    with pytest.raises(CourseError, match="no chapter '2-else' in solutions/; there is: 1-demo"):
        course.chapter("solutions", "2-else")
    with pytest.raises(CourseError, match="there is: none yet"):
        course.chapter("exercises", CHAPTER)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"print('hello')", "does not parse as JSON"),
        (b'{"cells": [', "does not parse as JSON"),
        (b'{"cells": "\xff"}', "byte 12 is not UTF-8"),
        (b"[" * 100_000, "it is not a notebook"),
        (b"[]", "it is not a notebook"),
        (b"null", "it is not a notebook"),
        (b'{"a": 1}', "it is not a notebook"),
        (b'{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}', "it is not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "it is not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}', "it is not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "poem"}]}', "not a notebook"),
    ],
)
def test_what_is_not_a_notebook_is_refused_with_a_reason(content, reason):
    with pytest.raises(CourseError, match=reason):
        parse_notebook(content)


@pytest.mark.filterwarnings("error")
def test_a_notebook_with_missing_or_repeated_ids_and_broken_outputs_is_read():
    cell = {"cell_type": "code", "metadata": {}, "source": ["1\n", "2"], "execution_count": None}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [{**cell, "id": "a", "outputs": [{"output_type": "?"}]}, {**cell, "id": "a", "outputs": []}, cell],
    }
    nb = parse_notebook(json.dumps(content).encode())
    assert [c.source for c in nb.cells] == ["1\n2"] * 3
    assert len({c.id for c in nb.cells}) == 3
    assert nb.cells[0].outputs == []


def test_missing_files_folders_and_huge_files_are_refused_unread(tmp_path):
    with pytest.raises(CourseError, match="no such file"):
        read_notebook(tmp_path / "none.ipynb")
    with pytest.raises(CourseError, match="a folder, not a notebook"):
        read_notebook(tmp_path)
    huge = tmp_path / "huge.ipynb"
    with open(huge, "wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(CourseError, match="it has 200 MB, and at most 20 MB are read: clear the outputs"):
        read_notebook(huge)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_file(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_notebook_is_one():
    assert parse_notebook(json.dumps(new_notebook()).encode()).cells == []
