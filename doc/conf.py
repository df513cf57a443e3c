# SPDX-License-Identifier: BSD-3-Clause
"""How Sphinx makes HTML and manual pages of this folder: `make doc`."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "sphinx"))


def first_line(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


project = "bdevkit"
author = "the authors of bdevkit"
version = re.search(r"version: '([^']+)'", (HERE.parent / "meson.build").read_text()).group(1)
release = version
language = "en"

extensions = ["myst_parser", "declarations"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["examples"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

# A thousand functions do not fit into the list of pages beside each page; search and index find them.
toc_object_entries = False

html_theme = "alabaster"
html_theme_options = {"description": "Block devices in user space", "page_width": "72em", "sidebar_width": "17em",
                      "fixed_sidebar": True}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# C is what the pages are about; what does not parse as it says what it is.
highlight_language = "none"

# A page of the manual begins with "# NAME: what it is".
man_make_section_directory = True
man_pages = []
for section in (1, 3, 5):
    for page in sorted((HERE / f"man{section}").glob("*.md")):
        name, _, summary = first_line(page).removeprefix("# ").partition(": ")
        man_pages.append((f"man{section}/{page.stem}", name, summary, "", section))
