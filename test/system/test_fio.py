# SPDX-License-Identifier: BSD-3-Clause
"""fio with the engine: job files in both spellings, verified, on several kinds of bdevs; trim, zones, errors."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BDEVKIT_BUILD", ROOT / "build-asan")).resolve()
ENGINE = BUILD / "app" / "fio"
BLOCKS = 32768


def environment():
    needed = subprocess.run(["ldd", BUILD / "libbdevkit.so.0"], capture_output=True, text=True, check=True).stdout
    sanitizer = re.search(r"libasan\S* => (\S+)", needed)
    # fio itself leaks.
    extra = {"LD_PRELOAD": sanitizer.group(1), "ASAN_OPTIONS": "detect_leaks=0"} if sanitizer else {}
    return dict(os.environ, BDEVKIT_FIO_DIR=str(ENGINE), **extra)


@pytest.fixture(scope="module", autouse=True)
def engine():
    if not (ENGINE / "bdevkit.so").exists():
        pytest.skip("fio's headers were not to be had: run scripts/get-fio-headers.sh, and configure the build again")


def method(method, /, **params):
    return {"method": method, "params": params}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fio")
    for name in ("uring", "aio", "under-crypto"):
        (folder / name).write_bytes(bytes(BLOCKS * 512))
    entries = [
        method("bdev_malloc_create", name="malloc", num_blocks=BLOCKS, block_size=512),
        method("bdev_malloc_create", name="malloc4k", num_blocks=BLOCKS // 8, block_size=4096),
        method("bdev_uring_create", name="uring", filename=str(folder / "uring"), block_size=512),
        method("bdev_aio_create", name="aio", filename=str(folder / "aio"), block_size=512, fallocate=True),
        method("bdev_aio_create", name="under-crypto", filename=str(folder / "under-crypto"), block_size=512),
        method("bdev_crypto_create", name="crypto", base_bdev_name="under-crypto", key_name="key"),
        method("bdev_malloc_create", name="under-zones", num_blocks=BLOCKS, block_size=512),
        method("bdev_zone_block_create", name="zones", base_bdev="under-zones", zone_capacity=2048,
               optimal_open_zones=4),
    ]
    for level, count in (("raid0", 2), ("raid1", 2), ("raid5", 3)):
        members = ["%s-%d" % (level, i) for i in range(count)]
        entries += [method("bdev_malloc_create", name=name, num_blocks=BLOCKS, block_size=512) for name in members]
        entries.append(method("bdev_raid_create", name=level, raid_level=level, base_bdevs=members,
                              **({} if level == "raid1" else {"strip_size_kb": 64})))
    path = folder / "config.json"
    path.write_text(json.dumps({"subsystems": [
        {"subsystem": "accel", "config": [
            method("accel_crypto_key_create", name="key", cipher="AES_XTS", key="11" * 16, key2="22" * 16)]},
        {"subsystem": "bdev", "config": entries}]}))
    return path


JOB = """\
[global]
ioengine=%s
spdk_json_conf=%s
thread=1
direct=1
group_reporting=0
size=2m
bs=4k
iodepth=16
verify_fatal=1
"""


def fio(program, folder, text, status=0, environ=None):
    """Runs a job file. Returns the results of its jobs."""
    job = folder / "job.fio"
    job.write_text(text)
    result = subprocess.run([program, "--output-format=json", "--output=" + str(folder / "out"), str(job)], cwd=folder,
                            env=environ or environment(), capture_output=True, text=True, timeout=300, check=False)
    out = (folder / "out").read_text() if (folder / "out").exists() else ""
    said = result.stdout + result.stderr + out
    assert (result.returncode == 0) == (status == 0), said
    if status != 0:
        return said
    jobs = json.loads(out[out.index("{"):])["jobs"]
    assert jobs and all(job["error"] == 0 for job in jobs), said
    return jobs


PLUGIN = ROOT / "app" / "fio" / "fio_plugin"
SPELLINGS = {"external": ("fio", "external:%s/bdevkit.so" % ENGINE), "spdk_bdev": (PLUGIN, "spdk_bdev")}


@pytest.mark.parametrize("bdev", ["malloc", "malloc4k", "uring", "aio", "crypto", "raid0", "raid1", "raid5"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_verified(config, tmp_path, spelling, bdev):
    program, name = SPELLINGS[spelling]
    jobs = fio(program, tmp_path, JOB % (name, config) + f"verify=crc32c\n[job]\nfilename={bdev}\nrw=randwrite\n")
    assert jobs[0]["write"]["total_ios"] == 512 and jobs[0]["read"]["total_ios"] == 512


# filename= as a job file has it: fio takes a colon for the end of a name.
EXPRESSIONS = {
    "malloc": "malloc\\:16M",
    "uring": "uring\\:%(folder)s/image(block_size=512)",
    "crypto": "crypto(malloc\\:16M(name=plain),key=key)",
    "raid5": "raid5(malloc\\:16M,malloc\\:16M,malloc\\:16M,strip_size_kb=16)",
}


@pytest.mark.parametrize("kind", EXPRESSIONS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_verified_on_an_expression(tmp_path, spelling, kind):
    """Without a configuration but for the key; two jobs of the same expression have the same bdev."""
    program, name = SPELLINGS[spelling]
    (tmp_path / "image").write_bytes(bytes(16 << 20))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"subsystems": [{"subsystem": "accel", "config": [
        method("accel_crypto_key_create", name="key", cipher="AES_XTS", key="11" * 16, key2="22" * 16)]}]}))
    filename = EXPRESSIONS[kind] % {"folder": tmp_path}
    text = (JOB % (name, keys)).replace("thread=1", "thread=1\nverify=crc32c\nverify_fatal=1\nfilename=" + filename)
    jobs = fio(program, tmp_path, text + "[write]\nrw=randwrite\ndo_verify=0\n[read]\nstonewall\nrw=randread\n")
    assert [job["jobname"] for job in jobs] == ["write", "read"]
    assert jobs[0]["write"]["total_ios"] == 512 and jobs[1]["read"]["total_ios"] == 512


def test_expressions_and_names(config, tmp_path):
    """Several in a job, beside names of the configuration and in other jobs."""
    program, name = SPELLINGS["external"]
    text = JOB % (name, config) + "verify=crc32c\n[two]\nfilename=null\\:16M(name=x):malloc\nrw=write\nverify=0\n" \
        "[one]\nfilename=passthru(aio,name=over)\nrw=randwrite\n[taken]\nfilename=malloc\\:16M(name=m)\nrw=write\n"
    assert len(fio(program, tmp_path, text)) == 3


def test_run_time_module(tmp_path):
    """fio keeps the symbols of its engines from everybody; the modules that the configuration names find them all the same."""
    program, name = SPELLINGS["external"]
    module, keep = tmp_path / "bdev_ram.so", tmp_path / "config.json"
    subprocess.run(["cc", "-g", "-fPIC", "-shared", "-Wno-nested-externs", "-I", ROOT / "include",
                    ROOT / "test/system/loadable_module/bdev_ram.c", "-o", module], check=True)
    keep.write_text(json.dumps({"modules": [str(module)], "subsystems": [{"subsystem": "bdev", "config": [
        method("bdev_ram_create", name="ram", num_blocks=4096)]}]}))
    text = JOB % (name, keep) + "verify=crc32c\n[job]\nfilename=ram\nrw=randwrite\n"
    jobs = fio(program, tmp_path, text)
    assert jobs[0]["write"]["total_ios"] == 512 and jobs[0]["read"]["total_ios"] == 512


def test_preloaded(config, tmp_path):
    """The third way, of job files whose fio knows nothing of the engine."""
    environ = environment()
    environ["LD_PRELOAD"] = " ".join(filter(None, (environ.get("LD_PRELOAD"), str(ENGINE / "spdk_bdev"))))
    text = JOB % ("spdk_bdev", config) + "verify=crc32c\n[job]\nfilename=malloc\nrw=randwrite\n"
    jobs = fio("fio", tmp_path, text, environ=environ)
    assert jobs[0]["write"]["total_ios"] == 512 and jobs[0]["read"]["total_ios"] == 512


@pytest.mark.parametrize("filename, word", [
    ("malloc\\:64Q", "  malloc:64Q\n         ^"),
    ("split\\:2(malloc\\:1M(name=a))", "more than one bdev"),
    ("malloc\\:16M", "cannot make malloc:16M"),
    ("crypto(malloc,key=nokey)", "nokey"),
])
def test_mistakes_in_expressions(config, tmp_path, filename, word):
    """The configuration has a malloc."""
    program, name = SPELLINGS["external"]
    assert word in fio(program, tmp_path, JOB % (name, config) + f"[job]\nfilename={filename}\nrw=read\n", status=1)


@pytest.mark.parametrize("verify", ["md5", "crc64", "crc32", "crc16", "crc7", "xxhash", "sha1", "sha256", "sha512", "sha3-256",
                                    "pattern"])
def test_verify_modes(config, tmp_path, verify):
    program, name = SPELLINGS["external"]
    extra = "verify_pattern=0xdeadbeef\n" if verify == "pattern" else ""
    jobs = fio(program, tmp_path,
               JOB % (name, config) + f"{extra}verify={verify}\n[job]\nfilename=malloc\nrw=randwrite\nbsrange=512-16k\n")
    assert jobs[0]["read"]["total_ios"] == jobs[0]["write"]["total_ios"] > 100


def test_verified_while_it_writes(config, tmp_path):
    """What was written is read soon, and threads of fio's own look at it and give the I/O back."""
    program, name = SPELLINGS["external"]
    jobs = fio(program, tmp_path, JOB % (name, config) + "verify=crc32c\nverify_backlog=64\nverify_async=2\n"
               "[job]\nfilename=malloc\nrw=randwrite\n")
    assert jobs[0]["read"]["total_ios"] == jobs[0]["write"]["total_ios"] == 512


def test_verify_finds_what_is_wrong(config, tmp_path):
    """Two jobs write to the same blocks in turn: fio has to say that the first one's are not there any more."""
    program, name = SPELLINGS["external"]
    text = JOB % (name, config) + "verify=crc32c\nfilename=malloc\n" \
        "[first]\nrw=write\ndo_verify=0\n[second]\nstonewall\nrw=write\ndo_verify=0\nverify=md5\n" \
        "[check]\nstonewall\nrw=read\n"
    assert "verify" in fio(program, tmp_path, text, status=1)


def test_several_jobs_and_bdevs(config, tmp_path):
    program, name = SPELLINGS["spdk_bdev"]
    text = JOB % (name, config) + "verify=crc32c\niodepth_batch=8\nfsync=32\n" \
        "[two]\nfilename=malloc:uring\nrw=randrw\n[three]\nfilename=aio\noffset=2m\nrw=write\n" \
        "[four]\nfilename=aio\noffset=8m\nrw=randwrite\nnumjobs=2\noffset_increment=2m\n"
    jobs = fio(program, tmp_path, text)
    assert sorted(job["jobname"] for job in jobs) == ["four", "four", "three", "two"]
    assert sum(job["sync"]["total_ios"] for job in jobs) > 0


def test_trim(config, tmp_path):
    program, name = SPELLINGS["external"]
    for bdev in ("malloc", "aio"):
        jobs = fio(program, tmp_path, JOB % (name, config) + f"[job]\nfilename={bdev}\nrw=randtrim\n")
        assert jobs[0]["trim"]["total_ios"] == 512
        jobs = fio(program, tmp_path, JOB % (name, config) + f"[job]\nfilename={bdev}\nrw=trimwrite\n")
        assert jobs[0]["trim"]["total_ios"] > 0 and jobs[0]["write"]["total_ios"] > 0


def test_zones(config, tmp_path):
    program, name = SPELLINGS["spdk_bdev"]
    zoned = JOB % (name, config) + "[job]\nfilename=zones\nzonemode=zbd\ninitial_zone_reset=1\nsize=16m\nbs=16k\n"
    jobs = fio(program, tmp_path, zoned + "rw=randwrite\niodepth=1\nmax_open_zones=4\nverify=crc32c\n")
    assert jobs[0]["read"]["total_ios"] == jobs[0]["write"]["total_ios"] > 100
    # Round and round, so that zones are reset in between.
    jobs = fio(program, tmp_path, zoned + "rw=write\nio_size=40m\niodepth=1\n")
    assert jobs[0]["write"]["total_ios"] == 40 * 64
    jobs = fio(program, tmp_path, zoned + "rw=write\niodepth=8\nzone_append=1\n")
    assert jobs[0]["write"]["total_ios"] > 100


def test_all_bdevs(config, tmp_path):
    program, name = SPELLINGS["external"]
    jobs = fio(program, tmp_path, JOB % (name, config) + "[job]\nfilename=*\nrw=randread\nfile_service_type=roundrobin\n")
    assert jobs[0]["read"]["total_ios"] > 0


@pytest.mark.parametrize("change, word", [
    (("thread=1", "thread=0"), "thread=1 is needed"),
    (("bs=4k", "bs=700"), "has to be a multiple of 512"),
    (("config.json", "none.json"), "none.json"),
    (("filename=malloc", "filename=none"), "there is no bdev none"),
    (("filename=malloc", "filename=under-crypto"), "cannot open under-crypto for writing"),
    (("filename=malloc\nrw=write", "filename=crypto\nrw=trim"), "Operation not supported"),
    (("direct=1", "log_flags=none"), "there is no log flag none"),
])
def test_mistakes(config, tmp_path, change, word):
    program, name = SPELLINGS["external"]
    text = JOB % (name, config) + "[job]\nfilename=malloc\nrw=write\n"
    assert change[0] in text
    assert word in fio(program, tmp_path, text.replace(*change), status=1)
