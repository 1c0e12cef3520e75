#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of Debian in the virtual machine. Runs one line of shell at a time from the virtio port `control`.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /dev/shm /var/tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
echo docker-host >/proc/sys/kernel/hostname

until grep -qx control /sys/class/virtio-ports/*/name 2>/dev/null; do sleep 0.1; done
for entry in /sys/class/virtio-ports/*; do port=/dev/${entry##*/}; done

cd /srv
echo "the machine is up"
# While the host is not connected the port is at its end: then look again.
while :; do
  exec 3<>"$port"
  while read -r line <&3; do
    (eval "$line") >&3 2>&1 3>&-
    echo "done $?" >&3
  done
  exec 3>&-
  sleep 0.1
done
