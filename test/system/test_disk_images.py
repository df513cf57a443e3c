# SPDX-License-Identifier: BSD-3-Clause
"""Real disk images go in through NBD and come out the same, through passthru on aio."""

import hashlib
import os
from pathlib import Path

import pytest

from conftest import ROOT, requires, run

GRUB_ISO = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture
def ext4_image(tmp_path):
    """A file system that mkfs made and filled with this tree's files."""
    requires("mkfs.ext4")
    image = tmp_path / "ext4.img"
    image.touch()
    os.truncate(image, 64 << 20)
    run("mkfs.ext4", "-q", "-d", ROOT / "include", image)
    return image


@pytest.fixture
def iso():
    if not GRUB_ISO.exists():
        pytest.skip(f"{GRUB_ISO} is not installed")
    return GRUB_ISO


def create_passthru_on_aio(target, folder, size):
    """A new file of that size behind aio, passthru on it; the URI of the passthru."""
    backing = folder / "backing.img"
    backing.touch()
    os.truncate(backing, -(-size // 4096) * 4096)
    served = target()
    served.rpc("bdev_aio_create", name="base", filename=str(backing), block_size=512)
    served.rpc("bdev_passthru_create", name="disk", base_bdev_name="base")
    return served, served.uri("disk")


@pytest.mark.parametrize("kind", ["iso", "ext4_image"])
def test_qemu_img_and_nbdcopy_round_trip(kind, target, tmp_path, request):
    """qemu-img writes an image and nbdcopy reads it back, then the other way round; every byte is the same."""
    requires("qemu-img")
    requires("nbdcopy")
    image = request.getfixturevalue(kind)
    size = image.stat().st_size
    _, uri = create_passthru_on_aio(target, tmp_path, size)

    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, uri)
    out = tmp_path / "out.img"
    run("nbdcopy", uri, out)
    assert sha256_of_first(out, size) == sha256(image)

    run("nbdcopy", "--allocated", image, uri)
    out2 = tmp_path / "out2.img"
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out2)
    assert sha256_of_first(out2, size) == sha256(image)


def sha256_of_first(path, size):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read(size)).hexdigest()


def test_file_system_is_clean_after_the_trip(ext4_image, target, tmp_path):
    """e2fsck finds nothing to repair in what comes back, nor in the file behind the target."""
    size = ext4_image.stat().st_size
    served, uri = create_passthru_on_aio(target, tmp_path, size)
    run("nbdcopy", ext4_image, uri)
    out = tmp_path / "out.img"
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out)
    run("e2fsck", "-f", "-n", out)
    assert served.stop() == 0
    run("e2fsck", "-f", "-n", tmp_path / "backing.img")


def test_serve_a_file_by_name(ext4_image, target):
    """`serve FILE` exports it under its file name, and what is printed can be pasted."""
    served = target(ext4_image)
    assert served.uri("ext4.img") in served.output
    info = run("nbdinfo", "--json", served.uri("ext4.img")).stdout
    assert f'"export-size": {64 << 20}' in info
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", served.uri("ext4.img"), ext4_image)
