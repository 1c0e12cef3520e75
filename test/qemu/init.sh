#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the virtual machine: mounts the sensor's file systems, then serves three kinds of virtio ports.
# `control` runs one line of shell at a time; each `sensor…` runs a sensor with the arguments that the host names first;
# the others are the standard streams of containers.
export PATH=/bin

# Nothing can pivot away from an initramfs: first move into a file system that is mounted.
if [ "$1" != moved ]; then
  /bin/busybox mkdir -p /moved
  /bin/busybox --install -s /bin
  mount -t tmpfs -o size=60% tmpfs /moved
  for part in /*; do
    case $part in /moved | /dev | /proc | /sys) ;; *) cp -a "$part" /moved ;; esac
  done
  mkdir -p /moved/dev /moved/proc /moved/sys /moved/run /moved/tmp
  mount -t devtmpfs dev /dev
  exec switch_root /moved /init moved
fi

mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security
# Shows the mode of preemption.
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs tmpfs /run
mkdir -p /dev/virtio-ports
ip link set lo up
for module in /modules/*.ko; do insmod "$module"; done

# A driver that is a module finds the ports one after the other, and their names after them.
until grep -qx c3 /sys/class/virtio-ports/*/name 2>/dev/null; do sleep 0.1; done
for port in /sys/class/virtio-ports/*; do
  ln -s "/dev/${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done

# While the host is not connected a port is at its end: then look again. To close it would drop what came meanwhile.
serve_sensor() {
  while :; do
    exec 4<>"$1"
    until read -r args <&4; do sleep 0.1; done
    echo "sensor: begins: $args"
    snug-sensor $args <&4 >&4 4>&-
    echo "sensor: ended with $?"
    exec 4>&-
    sleep 0.1
  done
}

# container ID PORT PROGRAM…, of the image in $LOWER. Enters the cgroup last, as a runtime does: earlier events are not
# the container's.
container() {
  id=$1 port=$2
  shift 2
  mkdir -p "/run/$id/upper" "/run/$id/work" "/run/$id/root" "/sys/fs/cgroup/$id"
  mount -t overlay overlay "/run/$id/root" \
    -o "lowerdir=${LOWER:-/image},upperdir=/run/$id/upper,workdir=/run/$id/work"
  SNUG_ID=$id unshare --mount --pid --net --fork --propagation private \
    /bin/sh /launch "$@" <>"/dev/virtio-ports/$port" >&0 2>/dev/console &
}

# Its processes ended with its input. The kernel lets go of the last one a little after it was reaped.
uncontain() {
  for try in $(seq 100); do
    rmdir "/sys/fs/cgroup/$1" 2>/dev/null && break
    sleep 0.1
  done
  umount -l "/run/$1/root"
  [ ! -e "/sys/fs/cgroup/$1" ]
}

for port in /dev/virtio-ports/sensor*; do serve_sensor "$port" & done
echo "the machine is up"
exec 3<>/dev/virtio-ports/control
while :; do
  if read -r line <&3; then
    eval "$line" >&3 2>&1 3>&-
    echo "done $?" >&3
  else
    sleep 0.1
  fi
done
