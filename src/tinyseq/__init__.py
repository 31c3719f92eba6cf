"""Sequence models in NumPy, small enough to read in an evening.

Every layer has a checked derivative, and every layer with a Keras counterpart is asserted equal to it.
"""

import os

# Keras is quiet and gives the same numbers on every run only if TensorFlow finds these when it is first imported.
# Import tinyseq before Keras; a value that you set yourself stays.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
