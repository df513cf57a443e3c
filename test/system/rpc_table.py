# SPDX-License-Identifier: BSD-3-Clause
"""The tables of RPC methods and their results, and how a JSON value is compared with them."""

import csv
import re
import uuid

from conftest import ROOT

TABLES = ROOT / "test" / "interface" / "tables"

BDEV_MODULES = "malloc|null|aio|uring|passthru|crypto|split|delay|zone_block|error|raid"

# What this program has; the tables hold other components too.
COMPONENTS = re.compile(r"lib/(accel|bdev|event|init|rpc|log|trace|notify|thread)|module/event/subsystems/iobuf"
                        rf"|module/bdev/({BDEV_MODULES})")

LIMITS = {"uint8": (0, 2**8), "uint16": (0, 2**16), "uint32": (0, 2**32), "uint64": (0, 2**64),
          "int32": (-2**31, 2**31), "int64": (-2**63, 2**63)}


def rows(name):
    with open(TABLES / name, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


class Method:
    def __init__(self, row):
        self.name = row["method"]
        self.states = {"both": {"startup", "runtime"}}.get(row["state"], {row["state"]})
        self.params_object = row["params_object"]
        self.result_type = row["result_type"]
        self.params = {}

    def __repr__(self):
        return self.name


def read_methods():
    methods = {}
    for row in rows("rpc_methods.tsv"):
        if COMPONENTS.fullmatch(row["component"]):
            method = methods.setdefault(row["method"], Method(row))
            if row["parameter"]:
                method.params[row["parameter"]] = row
    return methods


def read_results():
    """Of each method the members of its result: path to row."""
    results = {}
    for row in rows("rpc_responses.tsv"):
        results.setdefault(row["method"], {})[row["json_path"]] = row
    return results


def has_type(value, kind):
    """Whether a value is one of the types, such as "array|null" or "number(uint32)"."""
    return any(has_one_type(value, one) for one in kind.split("|"))


def has_one_type(value, kind):
    base, _, detail = kind.rstrip(")").partition("(")
    if base == "number":
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        low, high = LIMITS.get(detail, (-2**63, 2**64))
        return low <= value < high
    if base == "string":
        return isinstance(value, str) and {
            "uuid": lambda text: str(uuid.UUID(text)) == text,
            "hex": lambda text: re.fullmatch(r"(0x)?[0-9a-fA-F]*", text),
            "base64": lambda text: re.fullmatch(r"[A-Za-z0-9+/]*=*", text),
        }.get(detail, lambda text: True)(value)
    return {"boolean": isinstance(value, bool), "null": value is None, "array": isinstance(value, list),
            "object": isinstance(value, dict), "any": True}[base]


class Shape:
    """Compares results of a method with its rows; remembers which of them it has seen."""

    def __init__(self, method, table):
        self.method = method
        self.table = table
        self.seen = set()
        self.faults = []

    def check(self, result):
        self.check_value(result, "$", "")

    def check_value(self, value, path, prefix):
        """`path` is the value's own; `prefix` that with which its members' paths begin."""
        row = self.table.get(path)
        if row:
            self.seen.add(path)
            if not has_type(value, row["json_type"]):
                self.faults.append(f"{path} is {value!r}, not {row['json_type']}")
            elif re.search(r"\w\|\w", row["values"] or "") and value not in row["values"].split("|"):
                self.faults.append(f"{path} is {value!r}, not one of {row['values']}")
        if isinstance(value, list):
            for element in value:
                self.check_value(element, prefix.rstrip(".") + "[]", prefix.rstrip(".") + "[].")
        elif isinstance(value, dict):
            self.check_members(value, prefix)

    def check_members(self, value, prefix):
        pattern = re.compile(re.escape(prefix) + r"([^.\[\]<>]+)")
        known = {match.group(1) for match in map(pattern.fullmatch, self.table) if match and match.group(1) != "$"}
        computed = next((path for path in self.table if re.fullmatch(re.escape(prefix) + r"<[^>]+>", path)), None)
        for name, member in value.items():
            path = prefix + name
            if name not in known and computed:
                path = computed
            if path in self.table:
                self.check_value(member, path, path + ".")
        for name in known:
            if name not in value and self.table[prefix + name]["presence"] == "always":
                self.faults.append(f"{prefix}{name} is not there")
