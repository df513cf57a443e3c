#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the module and tries it: the rules of the interface with one and with several threads, and schedules of a
# simulation, whose seeds repeat what they find.
set -e
cd "$(dirname "$0")"
make --no-print-directory
bdevkit check --module ./myfilter.so 'myfilter(malloc:64M)' 'myfilter(malloc:16M(block_size=4K,md_size=8,md_interleave=true))'
bdevkit check --module ./myfilter.so --threads 2 'myfilter(malloc:16M)'
bdevkit check --module ./myfilter.so --sim --schedules 5 'myfilter(malloc:1M)'
