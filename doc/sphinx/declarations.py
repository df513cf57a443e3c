# SPDX-License-Identifier: BSD-3-Clause
"""What bdevkit's pages need of Sphinx beyond what it has.

- The directive `declarations` puts a public header, or sections of it, into a page: the header's own comments and
  declarations, so that a page of section 3 cannot say anything else than the code.
- `function()` in running text links to the page that has it.
- Each function of section 3 is found by man(1) under its own name.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils import new_document
from sphinx import addnodes
from sphinx.parsers import RSTParser
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parent))

import c_header  # noqa: E402

INCLUDE = Path(__file__).resolve().parent.parent.parent / "include"
CALL = re.compile(r"\b((?:spdk|bdk)_\w+)\(\)")

logger = logging.getLogger(__name__)


def escape(text):
    """Plain text as reStructuredText, calls of functions as links."""
    pieces = re.split(r"(\b(?:spdk|bdk)_\w+\(\))", text)
    return "".join(f":c:func:`{piece[:-2]}`" if number % 2 else re.sub(r"([\\*`|_])", r"\\\1", piece)
                   for number, piece in enumerate(pieces))


def paragraphs(text):
    """A comment as reStructuredText: what is indented in it is shown as it stands."""
    lines = []
    literal = False
    for line in text.split("\n"):
        indented = line.startswith(("  ", "\t")) and line.strip()
        if indented and not literal:
            lines += ["", "::", ""]
        elif not indented and literal:
            lines.append("")
        literal = bool(indented)
        lines.append(f"   {line}" if literal else escape(line))
    return lines


def code_block(text):
    return ["", ".. code-block:: c", "", *(f"   {line}".rstrip() for line in text.split("\n")), ""]


def signature(declaration):
    """What the C domain of Sphinx reads, and whether the text of the declaration is worth showing besides."""
    if declaration.kind == "macro":
        head = re.match(r"#define (\w+(?:\([^)]*\))?)", declaration.text).group(1)
        return head, "\n" not in declaration.text and declaration.text.strip() != f"#define {head}"
    if declaration.kind == "type":
        one_line = c_header.without_attributes(" ".join(declaration.text.split()))
        if re.search(r"HEAD\(|[{}]", one_line):
            return declaration.name, True
        return one_line.removeprefix("typedef ").rstrip("; "), False
    if declaration.kind == "variable":
        return " ".join(declaration.text.split()).removeprefix("extern ").rstrip(";"), False
    if declaration.kind == "function":
        return declaration.text, False
    return declaration.name, True


ROLES = {"variable": "var"}


def group_lines(group):
    """One comment and what it is about. Declarations of one kind share an entry."""
    lines = []
    runs = []
    for declaration in group.declarations:
        kind = ROLES.get(declaration.kind, declaration.kind)
        alone = kind in ("struct", "union", "enum")
        if runs and runs[-1][0] == kind and not alone:
            runs[-1][1].append(declaration)
        else:
            runs.append((kind, [declaration]))
    if not runs:
        return ["", *paragraphs(group.comment), ""]
    for number, (kind, run) in enumerate(runs):
        shown = [(declaration, *signature(declaration)) for declaration in run]
        head = f".. c:{kind}:: "
        lines += ["", head + shown[0][1], *(" " * len(head) + other for _, other, _ in shown[1:]), ""]
        body = paragraphs(group.comment) if number == 0 and group.comment else []
        text = "\n".join(declaration.text for declaration, _, worth in shown if worth)
        if text:
            body += code_block(text)
        lines += [f"   {line}".rstrip() for line in body] + [""]
    return lines


class Declarations(SphinxDirective):
    """`{declarations} spdk/bdev.h` with `:sections: Title; Other title`. A title may be cut short; `-` is what stands before the first."""

    required_arguments = 1
    option_spec = {"sections": directives.unchanged, "no-intro": directives.flag}

    def wanted(self, sections):
        if "sections" not in self.options:
            return sections
        chosen = []
        for title in self.options["sections"].split(";"):
            title = title.strip()
            title = "" if title == "-" else title
            found = [one for one in sections if one.title == title] or \
                [one for one in sections if title and one.title.startswith(title)]
            if len(found) != 1:
                raise self.error(f"{self.arguments[0]} has no section '{title}', or several")
            chosen += found
        return chosen

    def run(self):
        path = INCLUDE / self.arguments[0]
        self.env.note_dependency(str(path))
        intro, sections = c_header.read_header(path)
        lines = []
        if "sections" not in self.options and "no-intro" not in self.options:
            lines += [*paragraphs(intro), ""]
        chosen = self.wanted(sections)
        for section in chosen:
            if section.title and len(chosen) > 1:
                lines += ["", f".. rubric:: {escape(section.title)}", ""]
            lines += [*paragraphs(section.intro), ""]
            for group in section.groups:
                lines += group_lines(group)
        document = new_document(str(path), self.state.document.settings)
        document.reporter = self.state.document.reporter
        rst_parser(self).parse("\n".join(lines), document)
        for node in document.findall(nodes.Element):
            for name in node.get("ids", []):
                self.state.document.ids.setdefault(name, node)
        return document.children


def rst_parser(directive):
    parser = RSTParser()
    parser.set_application(directive.env.app)
    return parser


class LinkCalls(SphinxTransform):
    """`spdk_bdev_open_ext()` in running text becomes a link to its page."""

    default_priority = 400

    def apply(self, **kwargs):
        for node in list(self.document.findall(nodes.literal)):
            match = CALL.fullmatch(node.astext())
            if match and not isinstance(node.parent, (nodes.title, nodes.reference, addnodes.pending_xref)):
                link = addnodes.pending_xref("", refdomain="c", reftype="func", reftarget=match.group(1),
                                             refdoc=self.env.docname, refwarn=True)
                node.replace_self(link)
                link += node


def write_man_aliases(app, exception):
    """man 3 spdk_bdev_open_ext leads to the page that has it."""
    if exception or app.builder.name != "man":
        return
    domain = app.env.get_domain("c")
    for name, _, kind, docname, _, _ in domain.get_objects():
        if kind != "function" or not docname.startswith("man3/"):
            continue
        folder = Path(app.outdir) / "man3"
        alias = folder / f"{name}.3"
        page = docname.split("/")[1]
        if name != page:
            alias.write_text(f".so man3/{page}.3\n")


def setup(app):
    app.add_directive("declarations", Declarations)
    app.add_transform(LinkCalls)
    app.connect("build-finished", write_man_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
