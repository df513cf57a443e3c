# SPDX-License-Identifier: BSD-3-Clause
"""Where code can be broken, and how: the mutants of a C file, found in its syntax tree."""

import dataclasses
import random

import clang.cindex
from clang.cindex import CursorKind

ARGUMENTS = ["-std=gnu11", "-D_GNU_SOURCE", '-DBDEVKIT_VERSION="0"', "-DDEBUG", "-I.", "-Iinclude"]

# An operator, and what is one off.
RELATIONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOGIC = {"&&": "||", "||": "&&"}
SUMS = {"+": "-", "-": "+"}

# Calls without which everything goes on as before, but for what is printed.
QUIET_CALLS = ("SPDK_", "assert", "spdk_log", "va_", "free", "trace")


@dataclasses.dataclass(frozen=True)
class Mutant:
    """Text that takes the place of the bytes from begin to end; %d in it is the number of the mutant."""

    path: str
    line: int
    function: str
    kind: str
    begin: int
    end: int
    original: str
    mutated: str

    def key(self):
        """What it is called in the list of answers: it must outlive other changes of the file."""
        return f"{self.path}\t{self.function}\t{self.kind}\t{' '.join(self.original.split())}"


class Finder:
    """Walks the functions of one file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.source = file.read()
        options = clang.cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
        unit = clang.cindex.Index.create().parse(path, args=ARGUMENTS, options=options)
        faults = [fault for fault in unit.diagnostics if fault.severity >= clang.cindex.Diagnostic.Error]
        if faults:
            raise ValueError(f"{path}: {faults[0]}")
        self.root = unit.cursor
        self.macros = [
            (cursor.extent.start.offset, cursor.extent.end.offset)
            for cursor in self.root.get_children()
            if cursor.kind == CursorKind.MACRO_INSTANTIATION and self.is_here(cursor)
        ]
        self.function = ""
        self.mutants = []

    def is_here(self, cursor):
        return cursor.location.file is not None and cursor.location.file.name == self.path

    def text(self, begin, end):
        return self.source[begin:end].decode()

    def range_of(self, cursor, operand=False):
        """The bytes of a node; None if what was compiled is not what stands there, because a macro made it.

        An operand may be a macro as a whole.
        """
        begin, end = cursor.extent.start.offset, cursor.extent.end.offset
        for first, last in self.macros:
            if operand and (first, last) == (begin, end):
                continue
            if first <= begin < last or first < end <= last and not begin <= first:
                return None
        return begin, end

    def add(self, cursor, kind, where, mutated):
        begin, end = where
        self.mutants.append(Mutant(self.path, cursor.extent.start.line, self.function, kind, begin, end,
                                   self.text(begin, end), mutated))

    def find(self):
        for cursor in self.root.get_children():
            if cursor.kind == CursorKind.FUNCTION_DECL and cursor.is_definition() and self.is_here(cursor):
                self.function = cursor.spelling
                self.walk(cursor)
        return self.mutants

    def walk(self, cursor):
        for child in cursor.get_children():
            # What a compiler must know cannot depend on a variable.
            if child.kind == CursorKind.VAR_DECL and child.storage_class == clang.cindex.StorageClass.STATIC:
                continue
            if child.kind == CursorKind.CASE_STMT:
                self.walk_statement(list(child.get_children())[-1], child)
                continue
            self.walk_statement(child, cursor)

    def walk_statement(self, cursor, parent):
        if cursor.kind == CursorKind.IF_STMT:
            self.mutate_branch(cursor)
        elif cursor.kind == CursorKind.BINARY_OPERATOR:
            self.mutate_operator(cursor, parent)
        elif cursor.kind == CursorKind.CALL_EXPR and parent.kind in (CursorKind.COMPOUND_STMT, CursorKind.IF_STMT):
            self.mutate_call(cursor, parent)
        elif cursor.kind == CursorKind.RETURN_STMT:
            self.mutate_return(cursor)
        elif cursor.kind == CursorKind.COMPOUND_ASSIGNMENT_OPERATOR and parent.kind == CursorKind.COMPOUND_STMT:
            self.remove(cursor, "removed assignment")
        self.walk(cursor)

    def mutate_branch(self, cursor):
        where = self.range_of(list(cursor.get_children())[0])
        if where is not None:
            text = self.text(*where)
            self.add(cursor, "branch never taken", where, f"({text}) && !MUTANT(%d)")
            self.add(cursor, "branch always taken", where, f"({text}) || MUTANT(%d)")

    def mutate_operator(self, cursor, parent):
        left, right = cursor.get_children()
        where, first, second = self.range_of(cursor), self.range_of(left, True), self.range_of(right, True)
        if where is None or first is None or second is None:
            return
        operator = self.text(first[1], second[0]).strip().lstrip(")").rstrip("(").strip()
        text, a, b = self.text(*where), self.text(where[0], first[1]), self.text(second[0], where[1])
        if operator in RELATIONS:
            self.add(cursor, "relation", where, f"(MUTANT(%d) ? {a} {RELATIONS[operator]} {b} : {text})")
        elif operator in LOGIC:
            self.add(cursor, "logic", where, f"(MUTANT(%d) ? ({a}) {LOGIC[operator]} ({b}) : ({text}))")
        elif operator in SUMS and "POINTER" not in str(left.type.get_canonical().kind):
            other = f"{a} {SUMS[operator]} {b}" if b != "1" else a
            self.add(cursor, "sum", where, f"(MUTANT(%d) ? ({other}) : ({text}))")
        elif operator == "=" and parent.kind == CursorKind.COMPOUND_STMT and left.kind != CursorKind.DECL_REF_EXPR:
            self.remove(cursor, "removed assignment")

    def mutate_call(self, cursor, parent):
        if parent.kind == CursorKind.IF_STMT and cursor == list(parent.get_children())[0]:
            return
        if not cursor.spelling.startswith(QUIET_CALLS):
            self.remove(cursor, "removed call")

    def remove(self, cursor, kind):
        where = self.range_of(cursor)
        if where is not None and self.source[where[1]:where[1] + 1] == b";":
            where = where[0], where[1] + 1
            self.add(cursor, kind, where, f"if (!MUTANT(%d)) {{ {self.text(*where)} }}")

    def mutate_return(self, cursor):
        children = list(cursor.get_children())
        where = self.range_of(children[0]) if children else None
        if where is None:
            return
        text = self.text(*where)
        if text in ("true", "false"):
            self.add(cursor, "return", where, f"MUTANT(%d) ? !{text} : {text}")
        elif text.startswith("-E") or text == "rc":
            self.add(cursor, "return", where, f"MUTANT(%d) ? 0 : {text}")


def find(paths):
    """All mutants of some files, in the order of the text."""
    mutants = []
    for path in paths:
        mutants += Finder(path).find()
    return mutants


def choose(mutants, count, seed):
    """Some of them, by a seed, of which no two touch the same text."""
    drawn = list(mutants)
    random.Random(seed).shuffle(drawn)
    chosen, taken = [], {}
    for mutant in drawn:
        ranges = taken.setdefault(mutant.path, [])
        if all(mutant.end <= begin or end <= mutant.begin for begin, end in ranges):
            ranges.append((mutant.begin, mutant.end))
            chosen.append(mutant)
        if len(chosen) == count:
            break
    return sorted(chosen, key=lambda mutant: (mutant.path, mutant.begin))
