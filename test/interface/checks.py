# SPDX-License-Identifier: BSD-3-Clause
"""Turns the rows of the tables into C: for each a check that compiles only if the headers keep what the row says."""

import csv
import dataclasses
import re
from pathlib import Path

# The layout of these is that of a device or a disk; that of all other structures is our own.
WIRE_HEADERS = ("spdk/nvme_spec.h", "spdk/scsi_spec.h", "spdk/gpt_spec.h")

QUEUES = {"TAILQ_HEAD": "tqh_first", "STAILQ_HEAD": "stqh_first", "SLIST_HEAD": "slh_first", "LIST_HEAD": "lh_first",
          "TAILQ_ENTRY": "tqe_next", "STAILQ_ENTRY": "stqe_next", "SLIST_ENTRY": "sle_next", "LIST_ENTRY": "le_next"}

# Stands for any parameters of a macro.
ANY = "(*)"

# What every generated source begins with.
PRELUDE = """
#define SAME_TYPE(thing, ...) \\
	_Static_assert(__builtin_types_compatible_p(__typeof__(thing), __typeof__(__VA_ARGS__)), "is not " #__VA_ARGS__)
#define FIELD(type, path) (((type *)0)->path)
#define HOLDS(...) _Static_assert(__VA_ARGS__, "does not hold: " #__VA_ARGS__)
"""

# The same where types are told apart more strictly: an enumeration is no integer.
PRELUDE_CXX = """
#include <type_traits>
#define FIELD(type, path) (((type *)0)->path)
#define SAME_TYPE(thing, ...) static_assert(std::is_same<__typeof__(thing), __VA_ARGS__>::value, "is not " #__VA_ARGS__)
"""


@dataclasses.dataclass
class Item:
    """A thing that the tables name."""
    table: str
    row: int
    header: str
    kind: str
    name: str
    # C that compiles if it is as the table says: one line, at file scope.
    check: str = ""
    # The same for C++, where that tells more.
    check_cxx: str = ""
    # A statement for the program: it adds to `wrong` when a value is not as the table says.
    at_run_time: str = ""
    # Macros are looked up by name: what follows the name in their definition, None for other items.
    parameters: str | None = None
    exported: bool = False
    assertions: int = 0
    complaint: str = ""

    @property
    def key(self):
        return self.table, self.row


def read_table(folder, name):
    """Yields the number of each row's line and the row."""
    with open(Path(folder) / name, newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        for row in reader:
            yield reader.line_num, row


def c_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def same_type(thing, kind):
    """A check that `thing` has this type, in the table's spelling."""
    queue = re.fullmatch(r"(\w+)\((?:\w*, )?(\w+)\)", kind)
    if queue and queue.group(1) in QUEUES:
        return f"SAME_TYPE({thing}.{QUEUES[queue.group(1)]}, struct {queue.group(2)} *);"
    if queue and queue.group(1) == "RB_ENTRY":
        return f"HOLDS(sizeof({thing}) > 0);"
    unnamed = re.fullmatch(r"(?:struct|union) \{\.\.\.\}(?:\[(\d+)\])?", kind)
    if unnamed and unnamed.group(1):
        return f"HOLDS(sizeof({thing}) == {unnamed.group(1)} * sizeof({thing}[0]));"
    if unnamed:
        return f"HOLDS(sizeof({thing}) > 0);"
    return f"SAME_TYPE({thing}, {kind});"


class Structs:
    """Rows of structures and their fields; the tag (struct or union) stands in the structure's own row only."""

    def __init__(self):
        self.tags = {}

    def struct(self, item, facts, wire):
        """`facts` is such as "struct size=16 align=8", or "struct (opaque)"."""
        tag = facts.split()[0]
        numbers = dict(re.findall(r"(\w+)=(\d+)", facts))
        self.tags[item.name] = tag
        item.kind = "struct"
        if "(opaque)" in facts:
            # Without a declaration before it, the compiler warns that this one ends with the parameters.
            item.check = f"extern void declared_{item.row}({tag} {item.name} *);"
        elif not numbers:
            # The head of a queue that has a name.
            self.tags[item.name] = "struct"
            item.check = same_type(f"(*(struct {item.name} *)0)", facts)
        elif wire:
            item.check = f"HOLDS(sizeof({tag} {item.name}) == {numbers['size']});"
            item.assertions = 1
        else:
            item.check = f"HOLDS(sizeof({tag} {item.name}) > 0);"
        item.assertions += 1

    def field(self, item, struct, field, row, wire):
        path = field.replace("[]", "[0]")
        whole = f"{self.tags[struct]} {struct}"
        item.kind = "field"
        item.name = f"{struct}.{field}"
        kind, bits, offset = row["type"], row["bits"], row["offset_bits"]
        item.assertions = 2 if wire else 1
        if bits:
            item.check = f"static inline void set_{item.row}({whole} *all) {{ all->{path} = 0; }}"
            signed = int(not re.match(r"uint|unsigned|bool", kind))
            item.at_run_time = (
                f"{{ {whole} all; memset(&all, 0, sizeof(all)); all.{path} = ({kind})-1; "
                f"check_bits({c_text(item.name)}, &all, sizeof(all), {bits}, {offset if wire else -1}, "
                f"all.{path} < 0, {signed}); }}")
        else:
            item.check = same_type(f"FIELD({whole}, {path})", kind)
            # C++ gives types that are declared within others another name, and knows no arrays without elements.
            if item.check.startswith(f"SAME_TYPE(FIELD({whole}, {path}),") and "internal" not in path \
                    and not kind.endswith("[0]"):
                item.check_cxx = item.check
            if wire:
                item.check += f" HOLDS(__builtin_offsetof({whole}, {path}) * 8 == {offset});"


def enumerator(item, enum, value):
    item.kind = "enumerator"
    item.check = f"HOLDS((long long)({item.name}) == {value});"
    item.assertions = 1
    if enum:
        # Also one of that enumeration: the compiler warns of a case that its type does not have.
        item.check += (f" static inline void case_{item.row}(enum {enum} value)"
                       f" {{ switch (value) {{ case {item.name}: default: break; }} }}")
        item.assertions = 2


def guid_bytes(text):
    """Of SPDK_GPT_GUID(a, b, c, d, e) on disk: the first three parts are little-endian, the others big-endian."""
    a, b, c, d, e = (int(part, 16) for part in re.findall(r"0x[0-9A-Fa-f]+", text))
    return (a.to_bytes(4, "little") + b.to_bytes(2, "little") + c.to_bytes(2, "little") +
            d.to_bytes(2, "big") + e.to_bytes(6, "big"))


def macro(item, parameters, value):
    item.kind = "macro"
    item.parameters = parameters or ""
    item.assertions = 1
    if value.startswith("SPDK_GPT_GUID("):
        text = "".join(f"\\x{byte:02x}" for byte in guid_bytes(value))
        item.at_run_time = (f'{{ struct spdk_gpt_guid guid = {item.name}; '
                            f'check_bytes({c_text(item.name)}, &guid, "{text}", 16); }}')
        item.assertions = 2
    elif value.startswith('"'):
        item.check = f"HOLDS(sizeof({item.name}) == sizeof({value}) && __builtin_strcmp({item.name}, {value}) == 0);"
        item.assertions = 2
    elif value:
        # -1 equals UINT32_MAX, so the signs are compared too.
        item.check = f"HOLDS(({item.name}) == ({value}) && (({item.name}) < 0) == (({value}) < 0));"
        item.assertions = 2


def typedef(item, row):
    item.kind = "typedef"
    item.assertions = 1
    returned = row["type_or_return_type"]
    if row["kind"] == "alias":
        queue = re.fullmatch(r"\w+_(HEAD|ENTRY)\(.*\)", returned)
        item.check = same_type(f"(*({item.name} *)0)" if queue else item.name, returned)
    else:
        star = "(*)" if row["kind"] == "function pointer" else ""
        item.check = f"SAME_TYPE({item.name}, {returned} {star}({row['parameters']}));"
        item.check_cxx = item.check


def function(item, row):
    item.kind = "function"
    item.check = f"SAME_TYPE({item.name}, {row['return_type']} ({row['parameters']}));"
    item.check_cxx = item.check
    item.exported = row["kind"] == "function"
    item.assertions = 1


def text(item, row, functions):
    """The text that a function returns for a constant. Texts without such a function are seen in JSON only."""
    producer = row["producer"]
    constant = row["constant_or_component"]
    item.kind = "text"
    item.name = f"{producer}({constant})"
    item.header = functions[producer]
    value = f"({row['type']})1000" if constant == "(other)" else constant
    item.check = f"static inline const char *text_{item.row}(void) {{ return {producer}({value}); }}"
    item.at_run_time = f"check_text({c_text(item.name)}, {producer}({value}), {c_text(row['string'])});"
    item.assertions = 1


def read_items(folder):
    """All items of the tables on C, in their order."""
    items = []
    structs = Structs()

    def add(table, row, header, name):
        # The system's own macros come with this header.
        header = "spdk/queue.h" if header.startswith("(system)") else header
        items.append(Item(table, row, header, "", name))
        return items[-1]

    for number, row in read_table(folder, "functions.tsv"):
        function(add("functions.tsv", number, row["header"], row["name"]), row)
    for number, row in read_table(folder, "variables.tsv"):
        item = add("variables.tsv", number, row["header"], row["name"])
        item.kind, item.check, item.assertions = "variable", same_type(item.name, row["type"]), 1
        item.exported = True
    for number, row in read_table(folder, "typedefs.tsv"):
        typedef(add("typedefs.tsv", number, row["header"], row["typedef"]), row)
    for number, row in read_table(folder, "structs.tsv"):
        item = add("structs.tsv", number, row["header"], row["struct"])
        if not row["field"]:
            structs.struct(item, row["type"], False)
        elif re.search(r"\((struct|union)\)$", row["field"]):
            # Its members are reached without it, and have rows of their own.
            items.pop()
        else:
            structs.field(item, row["struct"], row["field"], row, False)
    for number, row in read_table(folder, "enums.tsv"):
        enumerator(add("enums.tsv", number, row["header"], row["constant"]), row["enum"], row["value"])
    for number, row in read_table(folder, "macros.tsv"):
        # Of the system's own macros the table has no parameters.
        parameters = ANY if row["header"].startswith("(system)") else row["parameters"]
        macro(add("macros.tsv", number, row["header"], row["macro"]), parameters, row["value"])
    functions = {item.name: item.header for item in items if item.kind == "function"}
    for number, row in read_table(folder, "strings.tsv"):
        if row["producer"] in functions:
            text(add("strings.tsv", number, "", ""), row, functions)
    for table in ("nvme_spec.tsv", "scsi_spec.tsv", "gpt_spec.tsv"):
        read_specification(folder, table, add, items, structs)
    return items


def read_specification(folder, table, add, items, structs):
    for number, row in read_table(folder, table):
        item = add(table, number, row["header"], row["name"])
        wire = row["header"] in WIRE_HEADERS
        row["type"] = row["type_or_value"]
        if row["kind"] == "struct":
            structs.struct(item, row["type"], wire)
        elif row["kind"] == "field" and re.search(r"\((struct|union)\)$", row["member"]):
            items.pop()
        elif row["kind"] == "field":
            structs.field(item, row["name"], row["member"], row, wire)
        elif row["kind"] == "enum":
            item.name = row["member"]
            enumerator(item, row["name"], row["type"])
        else:
            name, parameters = re.fullmatch(r"(\w+)(\(.*\))?", row["name"]).groups()
            item.name = name
            macro(item, parameters or "", row["type"])
