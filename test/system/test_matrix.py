# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit matrix, and the page that holds its output."""

import json
import subprocess
import sys

import pytest

from conftest import BDEVKIT, ROOT, run


@pytest.fixture(name="matrix", scope="module")
def fixture_matrix():
    return json.loads(run(BDEVKIT, "matrix", "--json-output").stdout)


def test_page_is_up_to_date():
    result = subprocess.run([sys.executable, ROOT / "scripts/gen-matrix-doc.py", "--check", "--program", BDEVKIT],
                            capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_has_a_column(matrix, target):
    """Whatever a target can create, and what it finds."""
    created = {name[len("bdev_"):-len("_create")] for name in target().rpc("rpc_get_methods")
               if name.startswith("bdev_") and name.endswith("_create") and not name.startswith("bdev_qos_")}
    assert created | {"gpt"} == set(matrix)


def test_it_says_what_is_known(matrix):
    assert matrix["malloc"]["read"] == matrix["malloc"]["zcopy"] == "native"
    assert matrix["malloc"]["compare"] == "emulated"
    assert matrix["malloc"]["nvme_io"] == matrix["aio"]["zcopy"] == matrix["null"]["flush"] == "no"
    assert matrix["malloc"]["protection type 1"] == matrix["null"]["protection type 1"] == "yes"
    assert matrix["aio"]["protection type 1"] == "no"
    assert matrix["passthru"]["separate metadata"] == "of its base"
    for row in ("sleeps while idle", "config round trip", "removed while open"):
        assert {column[row] for column in matrix.values()} == {"yes"}, row
    assert matrix["malloc"]["goes with its base"] == "-" and matrix["passthru"]["goes with its base"] == "yes"
    assert matrix["null"]["resized while open"] == matrix["aio"]["resized while open"] == "yes"
    assert matrix["passthru"]["resized while open"] == "with its base"
    assert matrix["malloc"]["resized while open"] == "no"
    assert matrix["split"]["resized while open"] == matrix["gpt"]["resized while open"] == "no"
    assert matrix["gpt"]["created by method"] == "by examining"


def test_text_has_all_of_json(matrix):
    lines = run(BDEVKIT, "matrix").stdout.splitlines()
    assert [word.strip() for word in lines[0].strip("|").split("|")][1:] == list(matrix)
    rows = [[word.strip() for word in line.strip("|").split("|")] for line in lines[2:]]
    assert rows == [[row] + [column[row] for column in matrix.values()] for row in matrix["malloc"]]


def test_leaves_nothing_behind(tmp_path):
    run(BDEVKIT, "matrix", env={"TMPDIR": str(tmp_path)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["more"], ["--nonsense"]])
def test_wrong_usage(words):
    result = run(BDEVKIT, "matrix", *words, check=False)
    assert result.returncode == 2
    assert "bdevkit matrix" in result.stderr
