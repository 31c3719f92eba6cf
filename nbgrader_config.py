"""How nbgrader is set up for this course. `nbgrader …`, formgrader and `classroom` all read this file."""

import os
import sys

from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, OverwriteKernelspec

from classroom.preprocessors import ExecuteAll, JudgeTests, RestoreCells

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "embedding-to-attention"
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# submitted/, autograded/, feedback/ and gradebook.db are nbgrader's defaults, at the root.
if "CLASSROOM_DB" in os.environ:  # any SQLAlchemy URL, for example postgresql://user@host/gradebook
    c.CourseDirectory.db_url = os.environ["CLASSROOM_DB"]

# nbgrader asks `alembic` for its version when it makes a gradebook, and finds it only on the path.
scripts = os.path.dirname(sys.executable)
if scripts not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = scripts + os.pathsep + os.environ["PATH"]

# Release: the reasons of the model answers go first, so that no later step counts or stores their cells.
c.GenerateAssignment.preprocessors = [TagRemovePreprocessor, *GenerateAssignment.preprocessors.default()]
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_cell_tags = {"reasons"}

# Autograde: the released cells are put back before anything else reads the submission, with metadata from the
# gradebook; nbgrader's own steps for that have nothing left to do (OverwriteCells.add_missing_cells fails when a task's
# two cells are gone). A test cell is judged once it has run and before its grade is stored.
_execute, *store = Autograde.autograde_preprocessors.default()
c.Autograde.sanitize_preprocessors = [RestoreCells, ClearOutput, OverwriteKernelspec]
c.Autograde.autograde_preprocessors = [
    ExecuteAll,
    JudgeTests,
    *(step for step in store if step is not CheckCellMetadata),
]

c.Execute.timeout = 20  # seconds a cell may take; after that it is interrupted, and grading goes on
c.Execute.shutdown_kernel = "immediate"
c.Execute.extra_arguments = ["--IPKernelApp.log_level=40"]  # only errors: its warnings are not for learners
c.Execute.store_widget_state = False
c.Execute.record_timing = False
c.LimitOutput.max_lines = 200
