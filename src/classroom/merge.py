"""Released cells brought into a learner's notebook without losing an answer or a cell of their own."""

from nbformat import NotebookNode

from .assignment import grade_id, nbgrader_metadata


def put_back(mine: list[NotebookNode], solution: NotebookNode, test: NotebookNode) -> list[NotebookNode]:
    """The learner's cells with a task's released two in place of theirs and of all copies of theirs."""
    cells = list(mine)
    for fresh, other, beside in ((solution, test, 0), (test, solution, 1)):
        names = [grade_id(cell) for cell in cells]
        if grade_id(fresh) in names:
            place = names.index(grade_id(fresh))
        elif grade_id(other) in names:
            place = names.index(grade_id(other)) + beside
        else:
            place = len(cells)
        cells.insert(place, fresh)
        cells = [cell for number, cell in enumerate(cells) if number == place or grade_id(cell) != grade_id(fresh)]
    return cells


def merge(mine: list[NotebookNode], released: list[NotebookNode]) -> list[NotebookNode]:
    """The released cells with the learner's answers in them, each followed by the learner's own cells after it."""
    names = {_name(cell): number for number, cell in enumerate(released)}
    texts = {cell.source: number for number, cell in enumerate(released) if not grade_id(cell)}
    last = {grade_id(cell): number for number, cell in enumerate(mine)}
    kept: dict[int, NotebookNode] = {}
    own: dict[int, list[NotebookNode]] = {}
    place = -1
    for number, cell in enumerate(mine):
        metadata = nbgrader_metadata(cell)
        match = names.get(_name(cell), None if metadata else texts.get(cell.source))
        if match is not None and (not metadata or last[grade_id(cell)] == number):
            kept[match] = cell
            place = match
        elif not metadata or (metadata.get("solution") and not _is_stub(cell)):
            # The learner's own, an earlier copy of an answer, or the answer of a task that is no longer there.
            own.setdefault(place, []).append(_without_nbgrader(cell))
    merged = own.get(-1, [])
    for number, cell in enumerate(released):
        merged.append(_filled(cell, kept.get(number)))
        merged += own.get(number, [])
    return merged


def _name(cell: NotebookNode) -> str | None:
    return grade_id(cell) or cell.get("id")


def _filled(released: NotebookNode, mine: NotebookNode | None) -> NotebookNode:
    """The released cell; with the learner's answer if they gave one, and their outputs where nothing changed."""
    if mine is None:
        return released
    is_answer = nbgrader_metadata(released).get("solution") and not _is_stub(mine)
    if mine.cell_type == released.cell_type and (is_answer or mine.source == released.source):
        return NotebookNode({**mine, "metadata": released.metadata})
    return NotebookNode({**released, "source": mine.source}) if is_answer else released


def _is_stub(solution: NotebookNode) -> bool:
    """Whether a solution cell is still as it was released, by the checksum that nbgrader stored in it."""
    from nbgrader.utils import compute_checksum

    metadata = nbgrader_metadata(solution)
    if not metadata:
        return False
    cell = _without_nbgrader(solution)
    cell.metadata["nbgrader"] = {"grade_id": metadata["grade_id"], "grade": False, "solution": True, "locked": False}
    return compute_checksum(cell) == metadata.get("checksum")


def _without_nbgrader(cell: NotebookNode) -> NotebookNode:
    metadata = {key: value for key, value in cell.metadata.items() if key not in ("nbgrader", "deletable", "editable")}
    return NotebookNode({**cell, "metadata": NotebookNode(metadata)})
