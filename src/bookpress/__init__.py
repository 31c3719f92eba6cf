"""The press: what the book needs beyond Jupyter Book."""
