# SPDX-License-Identifier: BSD-3-Clause
"""Takes a public header apart: sections, and in them comments with the declarations that they are about."""

import re
from dataclasses import dataclass, field

SECTION = re.compile(r"^---- (.+?) ----\s*(.*)$", re.S)
BRACES = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|[{}]", re.S)


@dataclass
class Declaration:
    """kind: function, type, struct, union, enum, macro or variable."""

    kind: str
    name: str
    text: str


@dataclass
class Group:
    comment: str
    declarations: list = field(default_factory=list)


@dataclass
class Section:
    title: str
    intro: str = ""
    groups: list = field(default_factory=list)


def comment_text(lines):
    """What a comment says, without its stars."""
    text = "\n".join(lines).strip()
    text = text.removeprefix("/*").removesuffix("*/")
    return "\n".join(re.sub(r"^\s*\* ?", "", line) if number else line.strip()
                     for number, line in enumerate(text.split("\n"))).strip()


def depth_of(text):
    braces = [match.group() for match in BRACES.finditer(text)]
    return braces.count("{") - braces.count("}")


def without_attributes(text):
    """__attribute__((...)) is for the compiler."""
    while (start := text.find("__attribute__")) >= 0:
        end = text.index("(", start)
        depth = 1
        while depth:
            end += 1
            depth += {"(": 1, ")": -1}.get(text[end], 0)
        text = text[:start].rstrip() + text[end + 1:]
    return text


def classify(text):
    """The declaration that a piece of C is; None for what needs no page of its own."""
    one_line = " ".join(text.split())
    if re.fullmatch(r"(struct|union|enum) \w+;", one_line) or one_line.startswith(("SPDK_STATIC_ASSERT", "static_assert")):
        return None
    if match := re.match(r"(struct|union|enum) (\w+) \{", one_line):
        return Declaration(match.group(1), match.group(2), text)
    if one_line.startswith("typedef "):
        plain = without_attributes(one_line)
        patterns = (r"\(\*(\w+)\)\(", r"(\w+)(?:\[\w*\])?;$", r"(\w+)\(")
        return Declaration("type", next(match.group(1) for match in (re.search(p, plain) for p in patterns) if match), text)
    if match := re.match(r"extern [^()]*?(\w+)(\[\w*\])?;$", one_line):
        return Declaration("variable", match.group(1), text)
    prototype = without_attributes(one_line.split("{")[0]).rstrip("; ")
    prototype = re.sub(r"^(static )?(inline )?", "", prototype)
    if match := re.search(r"(\w+)\(", prototype):
        return Declaration("function", match.group(1), prototype)
    return None


class Reader:
    """Goes through the lines of a header once."""

    def __init__(self, text):
        self.lines = text.split("\n")
        self.at = 0
        self.intro = []
        self.sections = [Section("")]
        self.group = None
        self.guarded = False
        self.seen = set()

    def take_while_continued(self):
        start = self.at
        while self.lines[self.at].endswith("\\"):
            self.at += 1
        self.at += 1
        return "\n".join(self.lines[start:self.at])

    def take_comment(self):
        start = self.at
        while "*/" not in self.lines[self.at]:
            self.at += 1
        self.at += 1
        return comment_text(self.lines[start:self.at])

    def take_declaration(self):
        start = self.at
        while True:
            self.at += 1
            text = "\n".join(self.lines[start:self.at])
            if depth_of(text) == 0 and text.rstrip().endswith((";", "}")):
                return text

    def add(self, declaration):
        # A macro that is defined differently by circumstances is described where it stands first.
        if declaration is None or (declaration.kind, declaration.name) in self.seen:
            return
        self.seen.add((declaration.kind, declaration.name))
        if self.group is None:
            self.group = Group("")
        if not self.group.declarations:
            self.sections[-1].groups.append(self.group)
        self.group.declarations.append(declaration)

    def comment(self, text):
        section = SECTION.match(text)
        if text.startswith("SPDX-License"):
            return
        if section:
            self.sections.append(Section(section.group(1).strip(), section.group(2).strip()))
            self.group = None
        elif not self.guarded:
            self.intro.append(text)
        else:
            if self.group is not None and not self.group.declarations:
                self.stray(self.group.comment)
            self.group = Group(text)

    def stray(self, text):
        """A comment that stands before a blank line is about all that follows in its section."""
        if self.sections[-1].groups:
            self.sections[-1].groups.append(Group(text))
        else:
            section = self.sections[-1]
            section.intro = f"{section.intro}\n\n{text}".strip()

    def skip_cplusplus(self):
        while not self.lines[self.at].startswith("#endif"):
            self.at += 1
        self.at += 1

    def read(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("/*"):
                self.comment(self.take_comment())
            elif line.startswith("#ifdef __cplusplus"):
                self.skip_cplusplus()
            elif match := re.match(r"#define (\w+)(\([^)]*\))?", line):
                text = self.take_while_continued()
                if self.guarded and not match.group(1).startswith("_"):
                    self.add(Declaration("macro", match.group(1), text))
                self.guarded = True
            elif line.startswith("#") or line.startswith("//"):
                self.take_while_continued()
            elif not line.strip():
                if self.group is not None and not self.group.declarations:
                    self.stray(self.group.comment)
                self.group = None
                self.at += 1
            else:
                self.add(classify(self.take_declaration()))
        return self


def read_header(path):
    """(text at the top, sections): the first section has no title and is what stands before any other."""
    reader = Reader(path.read_text()).read()
    return "\n\n".join(reader.intro), reader.sections


def functions(path):
    """Names of the functions that a header declares."""
    return [declaration.name for section in read_header(path)[1] for group in section.groups
            for declaration in group.declarations if declaration.kind == "function"]


def name_of(code):
    """What a piece of a C file at the top level defines; None: nothing, or it only declares it."""
    one_line = " ".join(code.split())
    if match := re.match(r"#define (\w+)|([A-Z_]+)\(.*\)$|(?:struct|union|enum) (\w+) \{", one_line):
        return next(filter(None, match.groups()))
    if match := re.match(r"[^({]*?(\w+)(?:\[\w*\])? = ", one_line):
        return match.group(1)
    match = re.search(r"(\w+)\(", one_line)
    return match.group(1) if match and one_line.endswith("}") else None


def definitions(text):
    """What a C file defines at the top level, by name, each with the comment above it."""
    reader = Reader(text)
    found = {}
    start = 0
    while reader.at < len(reader.lines):
        line = reader.lines[reader.at]
        if not line.strip():
            reader.at += 1
            start = reader.at
        elif line.startswith("/*"):
            start = reader.at
            reader.take_comment()
        else:
            code = reader.at
            if line.startswith("#"):
                reader.take_while_continued()
            elif re.match(r"[A-Z_]+\(.*\)$", line):
                reader.at += 1
            else:
                reader.take_declaration()
            name = name_of("\n".join(reader.lines[code:reader.at]))
            if name:
                found[name] = "\n".join(reader.lines[start:reader.at])
            start = reader.at
    return found
