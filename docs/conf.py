"""Sphinx settings: `pip install -e ".[docs]" && sphinx-build docs docs/_build`."""

import drywet

project = "drywet"
author = "The drywet authors"
release = drywet.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]
