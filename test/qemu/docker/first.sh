#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the initramfs: loads the modules, and goes on with Debian on the first disk. The second has Snug.
export PATH=/bin
/bin/busybox mkdir -p /dev /proc /root
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/null
for module in /modules/*.ko; do insmod "$module"; done
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.1; done
mount -t ext4 -o noatime /dev/vda /root
mount -t ext4 -o noatime /dev/vdb /root/srv
cp /second /root/init
mount --move /dev /root/dev
exec switch_root /root /init
