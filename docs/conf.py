"""Sphinx: `sphinx-build -W -b html docs docs/_build`, with the extra `docs` of the package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import bsnunu_jax

project = "bsnunu_jax"
author = "the bsnunu_jax developers"
copyright = author
version = release = bsnunu_jax.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "plain_docstrings",
    "from_the_package",
]
exclude_patterns = ["_build", "_ext", "images"]
html_theme = "furo"
html_title = f"bsnunu_jax {release}"
html_copy_source = False
html_show_sphinx = False

# The same Markdown reads on GitHub: $...$ and $$...$$, anchors from headings as there.
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False
default_role = "code"
toc_object_entries_show_parents = "hide"
nitpicky = False
# The built-in `range` of an annotation is no attribute of a prior.
suppress_warnings = ["ref.python"]
