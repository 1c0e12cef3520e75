#!/bin/bash
# Makes a package for Debian: `deb.sh amd64|arm64 FOLDER [VERSION]` leaves snug_VERSION_MACHINE.deb in the folder.
set -eu

machine=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${3:-$(node -p 'require("./package.json").version')}
# A version before the release sorts before it.
debian=${version/-/\~}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-deb-XXXXXX")
trap 'rm -rf "$work"' EXIT

root=$work/root
deploy/release/stage.sh "$machine" "$root" "$version"
mkdir "$root/DEBIAN"
cp deploy/release/debian/{postinst,prerm,postrm,templates} "$root/DEBIAN/"
echo /etc/snug/snug.yaml >"$root/DEBIAN/conffiles"
# As Debian's policy counts: what a file system takes for it differs.
size=$(find "$root" -path "$root/DEBIAN" -prune -o -type f -printf '%s\n' -o -printf '1024\n' |
  awk '{ size += int(($1 + 1023) / 1024) } END { print size }')
sed -e "s/@VERSION@/$debian/" -e "s/@MACHINE@/$machine/" -e "s/@SIZE@/$size/" \
  deploy/release/debian/control >"$root/DEBIAN/control"
(cd "$root" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) \
  >"$work/md5sums"
mv "$work/md5sums" "$root/DEBIAN/md5sums"
level "$root"
chmod 0755 "$root"/DEBIAN/{postinst,prerm,postrm}
dpkg-deb -Z"${SNUG_DEB_COMPRESSION:-xz}" --root-owner-group --build "$root" "$out/snug_${debian}_$machine.deb" >/dev/null
