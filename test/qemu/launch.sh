# Does the work of a runtime in a new container's namespaces, then starts the container's program.
set -e
exec 9>"/sys/fs/cgroup/$SNUG_ID/cgroup.procs"
cd "/run/$SNUG_ID/root"
mount -t proc proc proc
mknod -m 666 dev/null c 1 3
ip link set lo up
pivot_root . mnt
cd /
/bin/busybox umount -l /mnt
unset SNUG_ID OLDPWD
export PATH=/usr/bin:/bin
echo 0 >&9
exec 9>&-
exec "$@"
