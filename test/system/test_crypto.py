# SPDX-License-Identifier: BSD-3-Clause
"""crypto bdevs and other programs: what they write is read here, and the other way round; and where keys are not."""

import hashlib
import json
import os
import re
import secrets
import struct
import subprocess

import nbd
import pytest

from conftest import BDEVKIT, PATIENCE, ROOT, RpcError, requires

ciphers = pytest.importorskip("cryptography.hazmat.primitives.ciphers")
Cipher, algorithms, modes = ciphers.Cipher, ciphers.algorithms, ciphers.modes

SIZE = 1 << 20
MODES = {
    "SIMPLE_LBA": lambda block, unit: struct.pack("<QQ", 0, block),
    "JOIN_NEG_LBA_WITH_LBA": lambda block, unit: struct.pack("<QQ", block, ~block & (2**63 - 1)),
    "INCR_512_FULL_LBA": lambda block, unit: struct.pack("<QQ", unit, 0),
    "INCR_512_UPPER_LBA": lambda block, unit: struct.pack("<QQ", 0, unit),
}


def crypt(data, key, mode, block_size, first, encrypt):
    """By the program of somebody else: OpenSSL, through python3-cryptography."""
    unit_size = 512 if mode.startswith("INCR_512") else block_size
    result = bytearray()
    for offset in range(0, len(data), unit_size):
        tweak = MODES[mode]((first + offset) // block_size, (first + offset) // 512)
        cipher = Cipher(algorithms.AES(key), modes.XTS(tweak))
        worker = cipher.encryptor() if encrypt else cipher.decryptor()
        result += worker.update(data[offset:offset + unit_size]) + worker.finalize()
    return bytes(result)


def create(target, folder, mode, bits, block_size):
    """A crypto bdev on a file, exported; and its key. Both halves of the key are random, so they differ."""
    key = secrets.token_bytes(bits // 4)
    path = folder / "disk.img"
    path.write_bytes(bytes(SIZE))
    half = bits // 8
    target.rpc("accel_crypto_key_create", name="key", cipher="AES_XTS", key=key[:half].hex(), key2=key[half:].hex(),
               tweak_mode=mode)
    target.rpc("bdev_aio_create", name="file", filename=str(path), block_size=block_size)
    target.rpc("bdev_crypto_create", name="secret", base_bdev_name="file", key_name="key")
    return path, key


def connect(target, export="secret"):
    client = nbd.NBD()
    client.connect_uri(f"nbd+unix:///{export}?socket={target.nbd_path}")
    return client


@pytest.mark.parametrize("block_size", [512, 4096])
@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("mode", MODES)
def test_others_read_it_and_write_it(target, tmp_path, mode, bits, block_size):
    served = target()
    path, key = create(served, tmp_path, mode, bits, block_size)
    client = connect(served)
    data, offset = secrets.token_bytes(300000 // block_size * block_size), 7 * block_size
    client.pwrite(data, offset)
    client.flush()
    media = path.read_bytes()[offset:offset + len(data)]
    assert media != data
    assert crypt(media, key, mode, block_size, offset, False) == data

    data = secrets.token_bytes(len(data))
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(crypt(data, key, mode, block_size, offset, True))
    # aio reads past the cache of the system if it can.
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)
    assert client.pread(len(data), offset) == data
    client.shutdown()


def split_antiforensic(material, key_bytes, stripes):
    """The key out of its stripes, as LUKS 1 says."""
    block = bytes(key_bytes)
    for stripe in range(stripes):
        block = bytes(a ^ b for a, b in zip(block, material[stripe * key_bytes:(stripe + 1) * key_bytes]))
        if stripe < stripes - 1:
            block = b"".join(hashlib.sha256(struct.pack(">I", i // 32) + block[i:i + 32]).digest()[:key_bytes - i]
                             for i in range(0, key_bytes, 32))
    return block


def volume_key(image, passphrase):
    """Of a LUKS 1 image with aes-xts-plain64 and sha256, and where its data begin."""
    header = image.read_bytes()[:592]
    assert header[:8] == b"LUKS\xba\xbe\x00\x01"
    assert header[8:40].rstrip(b"\0") == b"aes" and header[40:72].rstrip(b"\0") == b"xts-plain64"
    payload, key_bytes = struct.unpack(">II", header[104:112])
    active, iterations, salt, offset, stripes = struct.unpack(">II32sII", header[208:256])
    assert active == 0x00ac71f3
    derived = hashlib.pbkdf2_hmac("sha256", passphrase, salt, iterations, key_bytes)
    material = image.read_bytes()[offset * 512:offset * 512 + key_bytes * stripes]
    material = crypt(material, derived, "INCR_512_FULL_LBA", 512, 0, False)
    return split_antiforensic(material, key_bytes, stripes), payload * 512


def qemu_io(image, *commands, code=0):
    options = f"driver=luks,key-secret=pw,file.filename={image}"
    arguments = [word for command in commands for word in ("-c", command)]
    result = subprocess.run(["qemu-io", "--object", "secret,id=pw,data=passphrase", "--image-opts", options, *arguments],
                            check=False, capture_output=True, text=True)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


def test_qemu_has_the_same_disk(target, tmp_path):
    """QEMU's LUKS, which is also that of dm-crypt: its sectors are those of the tweak mode INCR_512_FULL_LBA."""
    requires("qemu-img")
    requires("qemu-io")
    image, payload = tmp_path / "disk.luks", tmp_path / "payload.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "luks", "--object", "secret,id=pw,data=passphrase", "-o",
                    "key-secret=pw,cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64,hash-alg=sha256,iter-time=10",
                    image, "1M"], check=True)
    qemu_io(image, "write -P 0x5a 64k 8k", "write -P 0xa5 128k 4k")
    key, start = volume_key(image, b"passphrase")
    payload.write_bytes(image.read_bytes()[start:])

    served = target()
    served.rpc("accel_crypto_key_create", name="key", cipher="AES_XTS", key=key[:32].hex(), key2=key[32:].hex(),
               tweak_mode="INCR_512_FULL_LBA")
    served.rpc("bdev_aio_create", name="file", filename=str(payload), block_size=512)
    served.rpc("bdev_crypto_create", name="secret", base_bdev_name="file", key_name="key")
    client = connect(served)
    assert client.pread(8192, 65536) == b"\x5a" * 8192
    assert client.pread(4096, 131072) == b"\xa5" * 4096
    client.pwrite(b"\x3c" * 12288, 200 * 512)
    client.flush()
    client.shutdown()
    served.stop()

    with open(image, "r+b") as file:
        file.seek(start)
        file.write(payload.read_bytes())
    assert "Pattern verification failed" not in qemu_io(image, f"read -P 0x3c {200 * 512} 12k", "read -P 0x5a 64k 8k")
    assert "Pattern verification failed" in qemu_io(image, f"read -P 0x3d {200 * 512} 12k", code=1)


# Where keys are not.


def dumped_memory(pid):
    """What a core dump would hold: each mapping that has memory, is readable, and is not left out."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as smaps, open(f"/proc/{pid}/mem", "rb") as memory:
        for text in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps.read()):
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", text)
            flags = re.search(r"^VmFlags:(.*)$", text, re.M).group(1).split()
            resident = int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))
            swapped = int(re.search(r"^Swap:\s+(\d+)", text, re.M).group(1))
            if "dd" in flags or "io" in flags or match.group(3)[0] != "r" or resident + swapped == 0:
                continue
            start, end = int(match.group(1), 16), int(match.group(2), 16)
            memory.seek(start)
            for _ in range(start, end, 1 << 24):
                try:
                    yield memory.read(min(1 << 24, end - memory.tell()))
                except OSError:
                    break


def traces(pid, secret):
    forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    return sum(piece.count(form) for piece in dumped_memory(pid) for form in forms)


def test_core_dumps_have_no_keys(target, tmp_path):
    """Neither of a key that is in use, nor of one that was refused, nor of one that is gone; but the name is there."""
    served = target()
    keys = [secrets.token_bytes(32) for _ in range(6)]
    served.rpc("accel_crypto_key_create", name="a name of a key", cipher="AES_XTS", key=keys[0].hex(), key2=keys[1].hex())
    served.rpc("bdev_malloc_create", name="disk", num_blocks=2048, block_size=512)
    served.rpc("bdev_malloc_create", name="disk2", num_blocks=2048, block_size=512)
    served.rpc("bdev_crypto_create", name="secret", base_bdev_name="disk", key_name="a name of a key")
    served.rpc("bdev_crypto_create", name="secret2", base_bdev_name="disk2", cipher="AES_XTS", key=keys[2].hex(),
               key2=keys[3].hex())
    for export in ("secret", "secret2"):
        client = connect(served, export)
        client.pwrite(bytes(65536), 0)
        assert client.pread(65536, 0) == bytes(65536)
        client.shutdown()
    served.rpc("bdev_crypto_delete", name="secret2")
    with pytest.raises(RpcError):
        served.rpc("accel_crypto_key_create", name="bad", cipher="AES_XTS", key=keys[4].hex(), key2=keys[5].hex()[:8])
    assert traces(served.process.pid, b"a name of a key") > 0
    assert [traces(served.process.pid, key[:16]) for key in keys] == [0] * 6
    assert [traces(served.process.pid, key[16:]) for key in keys[:4]] == [0] * 4
    assert not [key for key in keys if key.hex() in served.stderr()]


def test_saved_configuration(target, tmp_path):
    """Keys come first, so it loads, with all that stands on them; one that a bdev has stays."""
    served = target()
    create(served, tmp_path, "SIMPLE_LBA", 256, 512)
    client = connect(served)
    client.pwrite(b"x" * 4096, 8192)
    client.flush()
    client.shutdown()
    with pytest.raises(RpcError, match="busy"):
        served.rpc("accel_crypto_key_destroy", key_name="key")
    saved = tmp_path / "saved.json"
    subprocess.run([ROOT / "scripts/rpc.py", "-s", served.rpc_path, "save_config"], check=True,
                   stdout=saved.open("w"))
    assert served.stop() == 0

    again = target("--json", saved)
    client = connect(again)
    assert client.pread(4096, 8192) == b"x" * 4096
    client.shutdown()
    # The key that it was saved with, without which there is nothing to load.
    config = json.loads(saved.read_text())
    config["subsystems"] = [one for one in config["subsystems"] if one["subsystem"] != "accel"]
    saved.write_text(json.dumps(config))
    assert again.stop() == 0
    result = subprocess.run([BDEVKIT, "serve", "-r", tmp_path / "x.sock", "--json", saved], capture_output=True, text=True,
                            timeout=PATIENCE, check=False)
    assert result.returncode != 0
    assert "Key was not found: cannot create crypto bdev secret with key key" in result.stdout + result.stderr
