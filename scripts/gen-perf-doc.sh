#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Draws doc/perf-curve.svg and prints the table that stands in doc/perf.md: what a release build measures here and now.
#
#   gen-perf-doc.sh BUILD_DIR
set -eu

bdev='delay(malloc:256M,avg_read_latency=100,p99_read_latency=400,avg_write_latency=100,p99_write_latency=400)'
exec "$1/app/bdevkit/bdevkit" perf -w randread -q 1,4,16,64,256 -t 2 --warmup 0.2 \
	--plot "$(dirname "$0")/../doc/perf-curve.svg" "$bdev"
