# SPDX-License-Identifier: BSD-3-Clause
"""doc/raid.md: each arrow of the drawing is in the table, with steps that exist and a test that runs; and doc/raid-format.md."""

import re

import pytest

from conftest import ROOT

RAID = ROOT / "module/bdev/raid"
STATES = {"configuring", "online", "degraded", "rebuilding", "offline", ""}


def read_table():
    text = (ROOT / "doc/raid.md").read_text(encoding="utf-8")
    lines = text[text.index("| arrow |"):].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


ARROWS = read_table()


def test_drawing_and_table_agree():
    drawing = (ROOT / "doc/raid-states.svg").read_text(encoding="utf-8")
    assert sorted(re.findall(r'<text class="l"[^>]*>([^<]+)</text>', drawing)) == sorted(arrow[0] for arrow in ARROWS)
    assert drawing.count('<path class="a"') == len(ARROWS)
    assert set(re.findall(r'<text class="n"[^>]*>([^<]+)</text>', drawing)) == STATES - {""}
    for arrow in ARROWS:
        assert {arrow[1], arrow[2]} <= STATES and arrow[1] != arrow[2] or arrow[1] in ("configuring", "online"), arrow


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda arrow: arrow[0])
def test_arrow(arrow):
    _, _, _, steps, file, test = arrow
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(RAID.glob("*.c")))
    assert (RAID / file).exists()
    first = (RAID / file).read_text(encoding="utf-8")
    names = steps.split(", ")
    assert re.search(rf"^{names[0]}\(", first, re.M) or re.search(rf"^{names[-1]}\(", first, re.M), f"{names} in {file}"
    for name in names:
        assert re.search(rf"^{name}(_cb)?\(", source, re.M), name
    program, function = test.split(": ")
    code = (ROOT / "test/unit/module" / f"{program}.c").read_text(encoding="utf-8")
    assert f"cmocka_unit_test({function})" in code, test
    assert f"'{program}'" in (ROOT / "test/unit/module/meson.build").read_text(encoding="utf-8")


def test_format_is_that_of_the_code():
    """The offsets in the document are those in raid_format.c."""
    code = (RAID / "raid_format.c").read_text(encoding="utf-8")
    text = (ROOT / "doc/raid-format.md").read_text(encoding="utf-8")
    offsets = {name.lower(): int(value) for name, value in re.findall(r"^\tAT_(\w+) = (\d+),", code, re.M)}
    header, slot = text.split("Then for each slot:")
    for name, value in offsets.items():
        part, name = (slot, name[5:]) if name.startswith("slot_") else (header, name)
        assert re.search(rf"^\| {value} \| \d+ \| {name} \|", part, re.M), name
