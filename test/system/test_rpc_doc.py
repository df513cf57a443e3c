# SPDX-License-Identifier: BSD-3-Clause
"""doc/rpc.md is what the program says of itself."""

import subprocess
import sys

from conftest import BDEVKIT, ROOT


def test_page_is_up_to_date():
    result = subprocess.run([sys.executable, ROOT / "scripts/gen-rpc-doc.py", "--check", "--program", BDEVKIT],
                            capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_method_and_parameter_is_described():
    page = (ROOT / "doc/rpc.md").read_text(encoding="utf-8")
    assert "Not described." not in page
    for line in page.splitlines():
        assert not (line.startswith("| `") and line.endswith("|  |")), line
