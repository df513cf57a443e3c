#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Gets the headers that an engine for the installed fio is built with: Debian has no package of them, so they are taken from
# the source package of the same version, and configured as that is. Does nothing if they are there already.
#
#   get-fio-headers.sh [FOLDER]        default: build-fio; the headers are in FOLDER/fio
set -eu

folder=$(realpath -m "${1:-$(dirname "$0")/../build-fio}")
version=$(dpkg-query -W -f '${Version}' fio 2>/dev/null) || {
	echo "fio is not installed; make deps installs it" >&2
	exit 1
}
[ "$(cat "$folder/version" 2>/dev/null)" = "$version" ] && exit 0

rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
# Lists of their own: the system's need not have source packages, and stay as they are.
sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources \
	2>/dev/null | sort -u | head -n 1 >"$folder/mirror"
mirror=$(cat "$folder/mirror")
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $release main" \
	>"$folder/sources.list"
get() {
	timeout 300 apt-get -qq -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o Acquire::Retries=3 \
		-o APT::Sandbox::User=root "$@"
}
cd "$folder"
get update
get --download-only source "fio=$version"
mkdir fio
tar -xf "$(echo fio_*.orig.tar.?z)" -C fio --strip-components 1
(cd fio && ./configure --disable-native >configure.log 2>&1) || {
	cat fio/configure.log >&2
	exit 1
}
rm -rf lists cache fio_*
echo "$version" >version
echo "fio $version: headers in $folder/fio"
