# SPDX-License-Identifier: BSD-3-Clause
"""What bdevkit's pages need of Sphinx beyond what it has.

- The directive `declarations` puts a public header, or sections of it, into a page: the header's own comments and
  declarations, so that a page of section 3 cannot say anything else than the code.
- The directive `c-code` shows functions, structures and variables of a C file of the tree, by their names.
- `function()` in running text links to the page that has it.
- Each function of section 3 is found by man(1) under its own name.

Sphinx has a domain for C. It looks names up one by one in a list, which takes minutes for as many as there are here.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.domains import Domain, ObjType
from sphinx.roles import XRefRole
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

sys.path.insert(0, str(Path(__file__).resolve().parent))

import c_header  # noqa: E402

INCLUDE = Path(__file__).resolve().parent.parent.parent / "include"
CALL = re.compile(r"\b((?:spdk|bdk)_\w+)\(\)")
# How a declaration is called in the index and in search.
KINDS = {"function": "C function", "type": "C type", "struct": "C struct", "union": "C union", "enum": "C enum",
         "macro": "C macro", "variable": "C variable"}

logger = logging.getLogger(__name__)


class HeaderDomain(Domain):
    """What the public headers declare, by name."""

    name = "header"
    label = "Public headers"
    object_types = {kind: ObjType(text, "name") for kind, text in KINDS.items()}
    roles = {"name": XRefRole()}
    initial_data = {"objects": {}}

    @property
    def objects(self):
        """Of each name: (page, anchor, kind)."""
        return self.data["objects"]

    def note(self, name, kind, node):
        """Remembers where a name is described. Of a function and a structure of one name the function has it."""
        other = self.objects.get(name)
        if other and other[0] != self.env.docname and "function" in (kind, other[2]) and kind == other[2]:
            logger.warning("%s is described in %s as well", name, other[0], location=node)
        if not other or other[2] != "function":
            self.objects[name] = (self.env.docname, f"c.{kind}.{name}", kind)

    def clear_doc(self, docname):
        for name in [name for name, place in self.objects.items() if place[0] == docname]:
            del self.objects[name]

    def merge_domaindata(self, docnames, otherdata):
        self.objects.update({name: place for name, place in otherdata["objects"].items() if place[0] in docnames})

    def resolve_xref(self, env, fromdocname, builder, typ, target, node, contnode):
        place = self.objects.get(target)
        return place and make_refnode(builder, fromdocname, place[0], place[1], contnode, target)

    def resolve_any_xref(self, env, fromdocname, builder, target, node, contnode):
        link = self.resolve_xref(env, fromdocname, builder, "name", target, node, contnode)
        return [("header:name", link)] if link else []

    def get_objects(self):
        for name, (docname, anchor, kind) in self.objects.items():
            yield name, name, kind, docname, anchor, 1


def link_to(env, name):
    """name() in code, as a link to its page. There is a warning if no page has it."""
    link = addnodes.pending_xref("", refdomain="header", reftype="name", reftarget=name, refdoc=env.docname, refwarn=True)
    link += nodes.literal("", f"{name}()")
    return link


def text_nodes(env, text):
    pieces = CALL.split(text)
    return [link_to(env, piece) if number % 2 else nodes.Text(piece) for number, piece in enumerate(pieces) if piece]


def paragraphs(env, text):
    """A comment: what is indented in it is shown as it stands."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        for literal, lines in group_by_indent(block.split("\n")):
            if literal:
                found.append(code_block("\n".join(lines), "none"))
            else:
                found.append(nodes.paragraph("", "", *text_nodes(env, " ".join(line.strip() for line in lines))))
    return found


def group_by_indent(lines):
    runs = []
    for line in lines:
        literal = line.startswith(("  ", "\t"))
        if line.strip() and runs and runs[-1][0] == literal:
            runs[-1][1].append(line)
        elif line.strip():
            runs.append((literal, [line]))
    return runs


def code_block(text, language):
    text = text.expandtabs(4)
    return nodes.literal_block(text, text, language=language)


def signature(declaration):
    """One line that names the declaration; and whether its text is worth showing besides."""
    text = declaration.text
    if declaration.kind == "macro":
        head = re.match(r"#define (\w+(?:\([^)]*\))?)", text).group(1)
        return head, "\n" not in text and text.strip() != f"#define {head}"
    if declaration.kind == "type":
        one_line = c_header.without_attributes(" ".join(text.split()))
        if re.search(r"HEAD\(|[{}]", one_line):
            return f"typedef {declaration.name}", True
        return one_line.rstrip("; "), False
    if declaration.kind in ("function", "variable"):
        return " ".join(text.split()).rstrip(";"), False
    return f"{declaration.kind} {declaration.name}", True


def runs_of(group):
    """Declarations that share an entry: neighbours of one kind, but for structures, which are long."""
    runs = []
    for declaration in group.declarations:
        alone = declaration.kind in ("struct", "union", "enum")
        if runs and runs[-1][0].kind == declaration.kind and not alone:
            runs[-1].append(declaration)
        else:
            runs.append([declaration])
    return runs


class Declarations(SphinxDirective):
    """`{declarations} spdk/bdev.h`, of which `:sections: Title; Other title`: whole titles or how they begin; `-` is what
    stands before the first."""

    required_arguments = 1
    option_spec = {"sections": directives.unchanged}

    def wanted(self, sections):
        if "sections" not in self.options:
            return sections
        chosen = []
        for title in self.options["sections"].split(";"):
            title = title.strip().removeprefix("-")
            found = [one for one in sections if one.title == title] or \
                [one for one in sections if title and one.title.startswith(title)]
            if len(found) != 1:
                raise self.error(f"{self.arguments[0]} has no section '{title}', or several")
            chosen += found
        return chosen

    def signature_node(self, declaration, line):
        domain = self.env.get_domain("header")
        node = addnodes.desc_signature(line, "")
        before, name, after = line.partition(declaration.name)
        node += [nodes.Text(before), addnodes.desc_name(name, name), nodes.Text(after)]
        anchor = f"c.{declaration.kind}.{declaration.name}"
        node["ids"].append(anchor)
        self.state.document.note_explicit_target(node)
        domain.note(declaration.name, declaration.kind, node)
        entry = ("single", f"{declaration.name} ({KINDS[declaration.kind]})", anchor, "", None)
        return addnodes.index(entries=[entry]), node

    def run_nodes(self, run, comment):
        found = []
        desc = addnodes.desc(domain="c", objtype=run[0].kind, desctype=run[0].kind, noindex=False)
        shown = []
        for declaration in run:
            line, worth = signature(declaration)
            index, node = self.signature_node(declaration, line)
            found.append(index)
            desc += node
            if worth:
                shown.append(declaration.text)
        body = addnodes.desc_content()
        if comment:
            body += paragraphs(self.env, comment)
        if shown:
            body += code_block("\n".join(shown), "c")
        desc += body
        return [*found, desc]

    def group_nodes(self, group):
        if not group.declarations:
            return paragraphs(self.env, group.comment)
        return [node for number, run in enumerate(runs_of(group))
                for node in self.run_nodes(run, group.comment if number == 0 else "")]

    def run(self):
        path = INCLUDE / self.arguments[0]
        self.env.note_dependency(str(path))
        intro, sections = c_header.read_header(path)
        found = []
        if "sections" not in self.options and intro:
            found += paragraphs(self.env, intro)
        chosen = self.wanted(sections)
        for section in chosen:
            if section.title and len(chosen) > 1:
                found.append(nodes.rubric("", section.title))
            if section.intro:
                found += paragraphs(self.env, section.intro)
            for group in section.groups:
                found += self.group_nodes(group)
        return found


class CCode(SphinxDirective):
    """`{c-code} ../../module/x.c` with `:of: function, structure`: shows them, in this order, or the whole file."""

    required_arguments = 1
    option_spec = {"of": directives.unchanged}

    def run(self):
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        text = Path(path).read_text().rstrip()
        if "of" in self.options:
            known = c_header.definitions(text)
            names = re.split(r"[,\s]+", self.options["of"].strip())
            missing = [name for name in names if name not in known]
            if missing:
                raise self.error(f"{self.arguments[0]} does not define {', '.join(missing)}")
            text = "\n\n".join(known[name] for name in names)
        caption = nodes.caption("", "", nodes.literal("", str(Path(path).resolve().relative_to(INCLUDE.parent))))
        block = code_block(text, "c")
        return [nodes.container("", caption, block, literal_block=True, classes=["literal-block-wrapper"])]


class LinkCalls(SphinxTransform):
    """`spdk_bdev_open_ext()` in running text becomes a link to its page."""

    default_priority = 400

    def apply(self, **kwargs):
        for node in list(self.document.findall(nodes.literal)):
            match = CALL.fullmatch(node.astext())
            if match and not isinstance(node.parent, (nodes.title, nodes.reference, addnodes.pending_xref)):
                node.replace_self(link_to(self.env, match.group(1)))


def write_man_aliases(app, exception):
    """man 3 spdk_bdev_open_ext leads to the page that has it."""
    if exception or app.builder.name != "man":
        return
    for name, (docname, _, kind) in app.env.get_domain("header").objects.items():
        if kind == "function" and docname.startswith("man3/"):
            page = docname.split("/")[1]
            if name != page:
                (Path(app.outdir) / "man3" / f"{name}.3").write_text(f".so man3/{page}.3\n")


def setup(app):
    app.add_domain(HeaderDomain)
    app.add_directive("declarations", Declarations)
    app.add_directive("c-code", CCode)
    app.add_transform(LinkCalls)
    app.connect("build-finished", write_man_aliases)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
