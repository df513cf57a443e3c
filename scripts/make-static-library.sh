#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# make-static-library.sh CORE_ARCHIVE OUTPUT: one object of everything in the archive, so that a static program gets
# every module without a list of them, with only the public names left global.
set -eu

object=$2.o
# The plain linker, not the compiler driver: with it the objects' machine code is taken and not their LTO form, which
# would tie users to one version of the compiler.
ld -r -o "$object" --whole-archive "$1"
objcopy --wildcard --keep-global-symbol 'spdk_*' --keep-global-symbol 'bdk_*' --remove-section '.gnu.lto_*' "$object"
rm -f "$2"
ar rcs "$2" "$object"
rm -f "$object"
