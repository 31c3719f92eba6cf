"""The school: releasing, checking and grading the assignments, on top of nbgrader."""
