#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What test_package.py does inside of its container, as root of a system that systemd has started.
set -eEuo pipefail
trap 'echo "inside.sh:$LINENO: $BASH_COMMAND: exit code $?"; journalctl --no-pager -u bdevkit | tail -n 50' ERR
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /package-test

step() {
	echo "== $*"
}

rpc() {
	bdevkit rpc -r /run/bdevkit/rpc.sock "$@"
}

# Files that installing may bring and purging must take; not what dpkg and systemd write about their own work.
list_files() {
	find /etc /usr /lib/systemd /var /run/bdevkit \
		\( -path /var/log -o -path /var/cache -o -path '/var/lib/dpkg*' -o -path /var/lib/systemd \
		-o -path /var/backups -o -path /var/tmp -o -path /etc/systemd/system/package-test.service \) -prune -o -print \
		2>/dev/null | LC_ALL=C sort || true
}

step "before"
# A machine that builds may forbid packages to start services.
rm -f /usr/sbin/policy-rc.d
list_files >before

step "install"
dpkg -i first/*.deb
systemctl is-active bdevkit
systemctl is-enabled bdevkit

step "no privilege"
pid=$(systemctl show -p MainPID --value bdevkit)
[ "$(stat -c %u "/proc/$pid")" -ge 61184 ]
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
grep -q '^CapBnd:[[:space:]]*0*$' "/proc/$pid/status"
grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status"
systemd-analyze --no-pager security bdevkit.service | tail -n 1
systemd-analyze --no-pager security --threshold=15 bdevkit.service >/dev/null
systemd-analyze verify bdevkit.service

step "serve"
rpc bdev_malloc_create num_blocks=131072 block_size=512 name=Memory0
head -c 64M /dev/urandom >memory
qemu-img convert -n -f raw -O raw memory "nbd+unix:///Memory0?socket=/run/bdevkit/nbd.sock"
qemu-img compare -f raw -F raw memory "nbd+unix:///Memory0?socket=/run/bdevkit/nbd.sock"

step "files of the service, by io_uring and by aio"
head -c 16M /dev/urandom >image
for kind in uring aio; do
	install -o root -m 666 image "/var/lib/bdevkit/$kind.img"
done
cat >/etc/bdevkit/bdevkit.json <<-END
	{"subsystems": [{"subsystem": "bdev", "config": [
	  {"method": "bdev_uring_create", "params": {"name": "Uring0", "filename": "/var/lib/bdevkit/uring.img", "block_size": 512}},
	  {"method": "bdev_aio_create", "params": {"name": "Aio0", "filename": "/var/lib/bdevkit/aio.img", "block_size": 512}}
	]}]}
END
systemctl restart bdevkit
for name in Uring0 Aio0; do
	qemu-img compare -f raw -F raw image "nbd+unix:///$name?socket=/run/bdevkit/nbd.sock"
	qemu-io -f raw -c "write -P 0x5a 1M 1M" -c flush "nbd+unix:///$name?socket=/run/bdevkit/nbd.sock"
done

step "metrics, from a package of their own"
rpc module_load module=metrics
rpc metrics_start address=unix:/run/bdevkit/metrics.sock
qemu-io -f raw -c "read 1M 1M" "nbd+unix:///Aio0?socket=/run/bdevkit/nbd.sock"
curl -sS --unix-socket /run/bdevkit/metrics.sock http://localhost/metrics >metrics
grep '^bdevkit_bdev_ios_total{bdev="Uring0",type="write"} [1-9]' metrics
grep '^bdevkit_bdev_latency_seconds_count{bdev="Aio0"} [1-9]' metrics
age=$(($(date +%s) - $(sed -n 's/^process_start_time_seconds \([0-9]*\).*/\1/p' metrics)))
[ "$age" -ge 0 ] && [ "$age" -lt 600 ]

step "nothing else can be written to"
pid=$(systemctl show -p MainPID --value bdevkit)
if nsenter -t "$pid" -m -- sh -c 'echo >/etc/bdevkit/new' 2>/dev/null; then
	false
fi

step "a killed service comes back"
kill -KILL "$pid"
for _ in $(seq 600); do
	new=$(systemctl show -p MainPID --value bdevkit)
	[ "$new" = 0 ] || [ "$new" = "$pid" ] || ! systemctl is-active --quiet bdevkit || break
	sleep 0.1
done
[ "$new" != "$pid" ]
rpc bdev_get_bdevs | grep -q '"Uring0"'

step "upgrade"
dpkg -i newer/*.deb
systemctl is-active bdevkit
[ "$(systemctl show -p MainPID --value bdevkit)" != "$new" ]
grep -q Uring0 /etc/bdevkit/bdevkit.json
for name in Uring0 Aio0; do
	qemu-io -f raw -c "read -P 0x5a 1M 1M" "nbd+unix:///$name?socket=/run/bdevkit/nbd.sock" | grep -q '1 MiB'
done

step "develop"
cat >embed.c <<-END
	#include <spdk/bdev.h>
	#include <bdevkit/embed.h>
	int main(void) { return spdk_bdev_get_by_name("none") == NULL ? 0 : 1; }
END
cc embed.c -o embed $(pkg-config --cflags --libs bdevkit)
ldd embed | grep "libbdevkit.so.0 => /"
man -P cat spdk_bdev_open_ext >/dev/null
man -P cat bdevkit-serve >/dev/null
begin=$(date +%s%N)
bdevkit new mydisk
(cd mydisk && make && bdevkit check --module ./mydisk.so mydisk:64M | tail -n 1)
echo "from nothing to a checked module: $((($(date +%s%N) - begin) / 1000000)) ms"
[ -s /usr/share/doc/bdevkit-doc/html/index.html ]

step "purge keeps images"
dpkg --purge bdevkit 2>&1 | tee purge
grep -q "is not empty and stays" purge
[ -s /var/lib/private/bdevkit/uring.img ]
[ ! -e /etc/bdevkit ]

step "purge without a trace"
dpkg -i newer/bdevkit_*.deb
rm -f /var/lib/bdevkit/*.img
dpkg --purge bdevkit bdevkit-modules-metrics bdevkit-doc libbdevkit-dev libbdevkit0
list_files >after
diff before after

echo "all is well"
