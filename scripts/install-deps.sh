#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages of scripts/debian-packages.txt that are missing. Usage: install-deps.sh KIND...
set -eu

list=$(dirname "$0")/debian-packages.txt
[ $# -gt 0 ] || set -- build

wanted=$(for kind in "$@"; do awk -v kind="$kind" '$1 == kind { print $2 }' "$list"; done)
missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "These packages are missing, and there is no apt-get to install them:$missing" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "Run this once as root: apt-get install$missing" >&2
		exit 1
	fi
	as_root="sudo env DEBIAN_FRONTEND=noninteractive"
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # one word for each package
$as_root apt-get install -q -y --no-install-recommends $missing
