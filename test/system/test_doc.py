# SPDX-License-Identifier: BSD-3-Clause
"""doc/: it builds without a warning, no link is dead, every function and every command has its manual page."""

import json
import re
import subprocess
import sys

import pytest

from conftest import BDEVKIT, BUILD, ROOT, requires, run

DOC = ROOT / "doc"
sys.path.insert(0, str(DOC / "sphinx"))

import c_header  # noqa: E402

MANUAL = {section: sorted((DOC / f"man{section}").glob("*.md")) for section in (1, 3, 5)}
FUNCTIONS = sorted({name for header in (ROOT / "include").rglob("*.h") for name in c_header.functions(header)
                    if header.parent.name != "spdk_internal" and not name.startswith("_")})
PAGES = sorted(path for path in ROOT.rglob("*.md")
               if not any(part.startswith((".", "build", "node_modules")) for part in path.relative_to(ROOT).parts))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The pages as `make install` installs them; Sphinx takes each warning for an error."""
    requires("sphinx-build")
    folder = tmp_path_factory.mktemp("installed")
    run("ninja", "-C", BUILD, "doc-pages")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "man,doc", "--destdir", folder)
    return folder


@pytest.fixture(scope="module")
def manual(installed):
    return next(installed.rglob("spdk_bdev_open.3")).parent.parent


@pytest.fixture(scope="module")
def html(installed):
    return next(installed.rglob("index.html")).parent


def test_each_source_is_an_html_page(html):
    for path in DOC.rglob("*.md"):
        if "examples" not in path.parts:
            assert (html / path.relative_to(DOC)).with_suffix(".html").exists(), path


def test_search_finds_functions_and_words(html):
    index = (html / "searchindex.js").read_text()
    data = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", index, re.S).group(1))
    names = {entry[4] for entries in data["objects"].values() for entry in entries}
    assert {"spdk_bdev_open_ext", "spdk_bdev_fn_table", "SPDK_BDEV_MODULE_REGISTER"} <= names
    assert "strict" in {data["docnames"][number] for number in data["terms"]["reactor"]}


def test_html_needs_nothing_from_elsewhere(html):
    """A reader without a network has search and all else."""
    for page in (html / "search.html", html / "index.html"):
        for address in re.findall(r"<(?:script|link|img)[^>]*?(?:src|href)=\"([^\"]+)\"", page.read_text()):
            assert not address.startswith(("http", "//")), address
            file = page.parent / address.split("?")[0].split("#")[0]
            assert file.exists(), f"{page.name}: {address}"


def test_each_function_has_its_manual_page(manual):
    missing = [name for name in FUNCTIONS if not (manual / "man3" / f"{name}.3").exists()]
    assert len(FUNCTIONS) > 800
    assert not missing


def test_a_page_tells_arguments_and_returns(manual):
    requires("man")
    text = run("man", "-M", manual, "3", "spdk_bdev_open_ext").stdout
    assert "const char *bdev_name" in " ".join(text.split())
    assert "-EPERM" in text


@pytest.mark.parametrize("section", MANUAL)
def test_manual_pages_are_well_formed(manual, section):
    requires("man")
    pages = [manual / f"man{section}" / f"{path.stem}.{section}" for path in MANUAL[section]]
    result = run("man", "--warnings", "-l", *pages)
    assert not [line for line in result.stderr.splitlines() if "can't break" not in line and "cannot adjust" not in line]
    names = re.findall(r"^NAME\n +(\S+)\s+-\s", result.stdout, re.M)
    assert names == [path.stem for path in MANUAL[section]]


def test_each_command_has_its_manual_page():
    listed = run(BDEVKIT, "help").stdout.split("commands:\n")[1].split("\n\n")[0]
    commands = [line.split()[0] for line in listed.splitlines()]
    assert "serve" in commands
    for command in commands:
        if command in ("help", "version"):
            continue
        path = DOC / f"man1/bdevkit-{command}.md"
        assert path.exists(), f"bdevkit {command} has no manual page"
        text = path.read_text()
        assert f"bdevkit-{command}.md" in (DOC / "man1/bdevkit.md").read_text()
        help_text = subprocess.run([BDEVKIT, command, "--help"], capture_output=True, text=True, check=False).stdout
        # Options stand in the first column of the help; the examples have others.
        options = set(re.findall(r"^ {2,4}(-{1,2}[A-Za-z][\w-]*)", help_text, re.M))
        assert {option for option in options if f"**{option}**" not in text} == set(), path.name
        assert {option for option in re.findall(r"^\*\*(-[\w-]+)\*\*", text, re.M) if option not in help_text} == set()


def anchors(path):
    """The anchors of the headings of a page, as forges make them."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_is_dead(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    dead = []
    for address in re.findall(r"\]\(([^)\s]+)\)", text):
        if address.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = address.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(address)
    # A name in code that looks like a path of the tree is one.
    for name in re.findall(r"`((?:app|doc|export|include|lib|module|scripts|test)/[\w./-]+)`", text):
        if not (ROOT / name).exists() and not (ROOT / f"{name}.c").exists():
            dead.append(name)
    assert not dead
