#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the module and tries it: the rules of the interface with one and with several threads, and schedules of a
# simulation, whose seeds repeat what they find.
set -e
cd "$(dirname "$0")"
make --no-print-directory
bdevkit check --module ./mydisk.so mydisk:64M 'mydisk:16M(block_size=4K)'
bdevkit check --module ./mydisk.so --threads 2 mydisk:16M
bdevkit check --module ./mydisk.so --sim --schedules 5 mydisk:1M
