#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Instructions per I/O of the block-device layer, load generator included: the difference between two runs of
# null_bench of different lengths under callgrind. With -a it also prints the functions in which they are spent.
#
#   null_instructions.sh BUILD_DIR [-a] [BDEV[:ARRAY]]...
#
# With :ARRAY the requests are submitted so many at a time (bdevkit/batch.h).
set -eu

build=$1
shift
annotate=no
if [ "${1-}" = -a ]; then
	annotate=yes
	shift
fi
if [ $# -eq 0 ]; then
	set -- poll inline null null:32
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM

# Prints the instructions of a run of $2 I/Os on bdev $1.
count() {
	valgrind --tool=callgrind --callgrind-out-file="$tmp/$1.$2" --cache-sim=no --branch-sim=no \
		"$build/test/bench/null_bench" -b "$1" -q 128 -r 1 -n "$2" >"$tmp/out" 2>&1 ||
		{ cat "$tmp/out" >&2; exit 1; }
	sed -n 's/^\(summary\|totals\): *//p' "$tmp/$1.$2" | head -n 1
}

for bdev in "$@"; do
	short=$(count "$bdev" 20000)
	long=$(count "$bdev" 220000)
	echo "$bdev: $(((long - short) / 2000)) instructions per 100 I/O" |
		sed 's/\(.*\): \(.*\)\(..\) instructions per 100 I\/O/\1: \2.\3 instructions per I\/O/'
	if [ $annotate = yes ]; then
		callgrind_annotate "$tmp/$bdev.220000" 2>/dev/null | sed -n '/Ir/,$p' | head -n 30
	fi
done
