#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The whole functional test of block devices, by name: what the interface promises, and what programs read and write that
# know nothing of it. What they hold is lost. --help tells more.
set -u

usage() {
	cat <<'TEXT'
usage: bdev.sh [OPTION...] BDEV...

Tests block devices: bdevkit check, fio with its engine, and NBD clients, as far as they are there. What the
devices hold is overwritten.

  --json CONFIG      the configuration that makes them, in processes of the test's own
  --module FILE|NAME load a module; may be repeated. Only with --json, or expressions
  -r SOCKET          they are those of a running target, which goes on meanwhile; nobody else may use them
  --no-data          they do not keep what is written
  --overwrite        yes, what they hold may be lost: needed with -r, and for devices that keep it

Without --json and -r, a BDEV is an expression such as malloc:64M. Each test prints a line; the last one counts.
Exit codes: 0 all passed, 1 one failed, 2 wrong usage.

BDEVKIT names the program bdevkit, BDEVKIT_FIO_DIR the folder of the fio engine.

examples:
  bdev.sh malloc:64M
  bdev.sh --json mine.json --module ./bdev_mine.so mine
  bdev.sh -r /var/tmp/spdk.sock --overwrite Malloc0
TEXT
}

die() {
	echo "bdev.sh: $1; bdev.sh --help tells more" >&2
	exit 2
}

root=$(realpath "$(dirname "$0")/../..")
json='' socket='' data=yes overwrite=no
modules=() bdevs=()
while [ $# -gt 0 ]; do
	case $1 in
	--json | --module | -r)
		[ $# -ge 2 ] || die "$1 needs a value"
		case $1 in
		--json) json=$2 ;;
		--module) modules+=(--module "$2") ;;
		-r) socket=$2 ;;
		esac
		shift
		;;
	--no-data) data=no ;;
	--overwrite) overwrite=yes ;;
	-h | --help)
		usage
		exit 0
		;;
	-*) die "there is no option $1" ;;
	*) bdevs+=("$1") ;;
	esac
	shift
done
[ ${#bdevs[@]} -gt 0 ] || die "no block device is named"
[ -z "$json" ] || [ -z "$socket" ] || die "--json and -r are two ways"
[ -z "$socket" ] || [ ${#modules[@]} -eq 0 ] || die "--module is for processes of the test's own, not for a target"
[ -z "$socket" ] || [ $overwrite = yes ] || die "what they hold is lost: say so with --overwrite"

find_program() {
	local program

	for program in "${BDEVKIT:-}" "$root/build/app/bdevkit/bdevkit" "$(command -v bdevkit)"; do
		if [ -x "$program" ]; then
			realpath "$program"
			return
		fi
	done
}
bdevkit=$(find_program)
[ -n "$bdevkit" ] || die "there is no program bdevkit: BDEVKIT names it"
engine=${BDEVKIT_FIO_DIR:-$(dirname "$bdevkit")/../fio}
[ -e "$engine/bdevkit.so" ] || engine=$(pkg-config --variable=libdir bdevkit 2>/dev/null)/bdevkit/fio

folder=$(mktemp -d)
server=''
stop_server() {
	local code

	[ -n "$server" ] || return 0
	kill "$server" 2>/dev/null
	wait "$server"
	code=$?
	server=''
	return $code
}
trap 'stop_server; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

# ---- counting ----

passed=0 failed=0 skipped=0

# Runs a command as the test of that name; what it says is shown if it fails.
check() {
	local name=$1

	shift
	if "$@" >"$folder/said" 2>&1; then
		echo "PASSED  $name"
		passed=$((passed + 1))
	else
		sed 's/^/    /' "$folder/said"
		echo "FAILED  $name"
		failed=$((failed + 1))
	fi
}

skip() {
	echo "SKIPPED $1: $2"
	skipped=$((skipped + 1))
}

has() {
	command -v "$1" >/dev/null
}

# ---- the tests ----

rpc() {
	"$bdevkit" rpc -r "$1" "${@:2}"
}

# What a description of the target says of a bdev: ask SOCKET BDEV EXPRESSION_OF_PYTHON
ask() {
	rpc "$1" bdev_get_bdevs "name=$2" | python3 -c "import json, sys; bdev = json.load(sys.stdin)[0]; print($3)"
}

check_rules() {
	local options=("$@")

	[ $data = yes ] || options+=(--no-data)
	[ $overwrite = no ] || options+=(--overwrite)
	"$bdevkit" check "${options[@]}"
}

# fio's own run, on a bdev that this configuration makes: run_fio CONFIG BDEV BLOCK_SIZE OPTION...
run_fio() {
	local job=(--ioengine="external:$engine/bdevkit.so" --spdk_json_conf="$1" --filename="${2//:/\\:}" --thread=1 --direct=1
		--name=job --iodepth=16 --bs="$(($3 > 4096 ? $3 : 4096))" --size=4m --verify_fatal=1 --output-format=terse)

	# The library of a build with sanitizers needs theirs from the start.
	# What fio itself leaks is none of ours.
	(cd "$folder" && LD_PRELOAD=$preload ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" timeout 300 fio "${job[@]}" "${@:4}")
}

# By way of QEMU's block layer: write, read again, compare; and zeroes.
write_with_qemu() {
	local length=$((1 << 20)) pattern=0x5a

	[ $data = yes ] || pattern=''
	timeout 120 qemu-io -f raw -c "write -P 0x5a 0 $length" -c "write -z 64k 64k" -c flush \
		-c "read ${pattern:+-P $pattern} 0 64k" -c "read ${pattern:+-P 0} 64k 64k" \
		-c "read ${pattern:+-P $pattern} 128k 128k" "$1" >"$folder/qemu" 2>&1
	local code=$?

	cat "$folder/qemu"
	[ $code -eq 0 ] && ! grep -qi "fail\|error" "$folder/qemu"
}

# Random data there and back.
copy_with_nbdcopy() {
	head -c "$(($2 < 8388608 ? $2 : 8388608))" /dev/urandom >"$folder/there"
	truncate -s "$2" "$folder/there"
	timeout 300 nbdcopy "$folder/there" "$1" && timeout 300 nbdcopy "$1" "$folder/back" || return 1
	[ $data = no ] || cmp "$folder/there" "$folder/back"
}

check_clients() {
	local bdev=$1 uri=$2 size=$3

	if [ -z "$uri" ]; then
		skip "$bdev: NBD clients" "it is not exported to them"
		return
	fi
	if [ "$size" -lt $((1 << 20)) ]; then
		skip "$bdev: NBD clients" "it is smaller than 1 MiB"
		return
	fi
	if has nbdinfo; then
		check "$bdev: nbdinfo" timeout 60 nbdinfo --size "$uri"
	else
		skip "$bdev: nbdinfo" "there is no nbdinfo"
	fi
	if has qemu-io; then
		check "$bdev: qemu-io" write_with_qemu "$uri"
	else
		skip "$bdev: qemu-io" "there is no qemu-io"
	fi
	if ! has nbdcopy; then
		skip "$bdev: nbdcopy" "there is no nbdcopy"
	elif [ "$size" -gt $((1 << 30)) ]; then
		skip "$bdev: nbdcopy" "it is larger than 1 GiB"
	else
		check "$bdev: nbdcopy" copy_with_nbdcopy "$uri" "$size"
	fi
}

check_fio() {
	local bdev=$1 config=$2 block_size=$3 zoned=$4 unmap=$5 verify=()

	if ! has fio; then
		skip "$bdev: fio" "there is no fio"
		return
	fi
	if [ ! -e "$engine/bdevkit.so" ]; then
		skip "$bdev: fio" "there is no engine; BDEVKIT_FIO_DIR names its folder"
		return
	fi
	preload=$(ldd "$engine/bdevkit.so" | awk '/libasan/ { print $3 }')
	[ $data = no ] || verify=(--verify=crc32c)
	if [ "$zoned" = True ]; then
		check "$bdev: fio, zones" run_fio "$config" "$bdev" "$block_size" --rw=write --zonemode=zbd --iodepth=1 \
			--initial_zone_reset=1 "${verify[@]}"
		return
	fi
	check "$bdev: fio, random writes" run_fio "$config" "$bdev" "$block_size" --rw=randwrite "${verify[@]}"
	check "$bdev: fio, reads and writes" run_fio "$config" "$bdev" "$block_size" --rw=randrw --fsync=16 "${verify[@]}"
	if [ "$unmap" = True ]; then
		check "$bdev: fio, trim" run_fio "$config" "$bdev" "$block_size" --rw=randtrim
	else
		skip "$bdev: fio, trim" "it does not support unmap"
	fi
}

start_server() {
	"$bdevkit" serve --json "$1" "${modules[@]}" --nbd "unix:$folder/nbd.sock" -r "$folder/rpc.sock" \
		>"$folder/server" 2>&1 &
	server=$!
	timeout 60 sh -c "until grep -q 'Press Ctrl-C' '$folder/server'; do kill -0 $server || exit 1; sleep 0.05; done" &&
		return
	cat "$folder/server"
	return 1
}

# Where clients find it; nothing if they do not.
uri_of() {
	rpc "$1" nbd_get_exports 2>/dev/null | python3 -c '
import json, sys
print(next((export["uris"][0] for export in json.load(sys.stdin) if export["bdev_name"] == sys.argv[1] and export["uris"]), ""))
' "$2" 2>/dev/null
}

# The bdev of a configuration, in processes of the test's own.
test_own() {
	local bdev=$1 config=$2 block_size size zoned unmap

	check "$bdev: bdevkit check" check_rules --json "$config" "${modules[@]}" "$bdev"
	# It refuses to overwrite what is kept: nobody else may do that then.
	if [ $overwrite = no ] && grep -q -e --overwrite "$folder/said"; then
		exit 2
	fi
	check "$bdev: bdevkit serve" start_server "$config"
	if [ -n "$server" ] && block_size=$(ask "$folder/rpc.sock" "$bdev" 'bdev["block_size"]'); then
		size=$(ask "$folder/rpc.sock" "$bdev" 'bdev["block_size"] * bdev["num_blocks"]')
		zoned=$(ask "$folder/rpc.sock" "$bdev" 'bdev["zoned"]')
		unmap=$(ask "$folder/rpc.sock" "$bdev" 'bdev["supported_io_types"]["unmap"]')
		check_clients "$bdev" "$(uri_of "$folder/rpc.sock" "$bdev")" "$size"
		check "$bdev: end of the server" stop_server
		if [ -n "$json" ] && [ ${#modules[@]} -gt 0 ]; then
			skip "$bdev: fio" "its engine loads the modules that the configuration names"
		else
			check_fio "$bdev" "$config" "$block_size" "$zoned" "$unmap"
		fi
	fi
	stop_server
}

# The bdev of a running target.
test_running() {
	local bdev=$1 size

	check "$bdev: bdevkit check" check_rules -r "$socket" "$bdev"
	if ! size=$(ask "$socket" "$bdev" 'bdev["block_size"] * bdev["num_blocks"]' 2>/dev/null); then
		return
	fi
	check_clients "$bdev" "$(uri_of "$socket" "$bdev")" "$size"
}

for bdev in "${bdevs[@]}"; do
	if [ -n "$socket" ]; then
		test_running "$bdev"
	elif [ -n "$json" ]; then
		test_own "$bdev" "$(realpath "$json")"
	elif "$bdevkit" show "${modules[@]}" "$bdev" >"$folder/config.json"; then
		mapfile -t made < <("$bdevkit" show "${modules[@]}" --names "$bdev")
		for name in "${made[@]}"; do
			test_own "$name" "$folder/config.json"
		done
	else
		exit 2
	fi
done

echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
