#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Unpacks the Debian packages of kind "unpack" of scripts/debian-packages.txt, which tests use programs of and which would
# start a service if they were installed. Does nothing for those that are there already.
#
#   unpack-packages.sh [FOLDER]        default: build-tools; programs are in FOLDER/usr/bin
set -eu

list=$(realpath "$(dirname "$0")/debian-packages.txt")
folder=$(realpath -m "${1:-$(dirname "$0")/../build-tools}")
mkdir -p "$folder"
cd "$folder"
for package in $(awk '$1 == "unpack" { print $2 }' "$list"); do
	[ -f "$package.unpacked" ] && continue
	timeout 300 apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$package"
	dpkg-deb -x "$package"_*.deb .
	rm "$package"_*.deb
	touch "$package.unpacked"
	echo "$package: unpacked in $folder"
done
