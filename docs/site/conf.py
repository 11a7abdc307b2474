"""How Sphinx makes the pages; `build.py` gathers what they are made of."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import escape_lines, escape_types, name_array_types

name_array_types()

import longtail
from external_names import external_link
from highlighting import name_languages
from reaching import make_reachable

project = "longtail"
author = "The longtail developers"
copyright = author
release = version = longtail.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["attrs_block", "deflist"]
myst_heading_anchors = 4

smartquotes = False  # it makes a dash of the two of --flag
default_role = "py:obj"  # `name` in a docstring is a link where it can be one
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Reference", "notes_style"), ("Source", "notes_style")]

html_theme = "furo"
html_title = f"longtail {release}"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_js_files = ["tables.js"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "native"


def setup(app):
    """Connect what is ours."""
    app.connect("autodoc-process-docstring", escape_lines, priority=400)
    app.connect("autodoc-process-docstring", escape_types, priority=600)
    app.connect("missing-reference", external_link)
    app.connect("doctree-read", name_languages)
    app.connect("html-page-context", make_reachable, priority=900)  # behind the theme
