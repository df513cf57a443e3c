#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the Debian packages of what is checked in, changes included. Usage: make-packages.sh FOLDER
set -eu

folder=$1
version=$(dpkg-parsechangelog -S Version)
tree=$folder/bdevkit-$version
rm -rf "$folder"
mkdir -p "$tree"
# dpkg-buildpackage writes beside the tree and into it, so that it gets one of its own.
git ls-files -z | xargs -0 tar -c -- | tar -x -C "$tree"
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign)
rm -rf "$tree"
ls -1 "$folder"/*.deb
