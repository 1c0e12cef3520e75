#!/bin/bash
# Lays out what the image has of Debian, for a machine: `image-root.sh amd64|arm64 ROOT LIST`. Nothing of it is run, so any
# machine makes both. LIST gets a line for each package: name, version and machine. The packages are fetched into
# .build/image.
set -euo pipefail
umask 022
export LC_ALL=C

machine=$1
root=$(realpath -m "$2")
list=$(realpath -m "$3")
case $machine in
  amd64) gnu=x86_64-linux-gnu ;;
  arm64) gnu=aarch64-linux-gnu ;;
  *) echo "snug: no image for \`$machine\`: amd64, arm64" >&2; exit 64 ;;
esac
state=$(realpath -m "$(dirname "$0")/../../.build/image/$machine")
# Of its own: neither dpkg's list of architectures nor apt's lists of this machine change.
options=(-qq "-oAPT::Architecture=$machine" "-oAPT::Architectures=$machine" "-oDir::State=$state"
  "-oDir::Cache=$state" -oDir::State::status=/dev/null -oAPT::Sandbox::User=root
  -oAPT::Install-Recommends=false -oDebug::NoLocking=true)
mkdir -p "$state/lists/partial" "$state/archives/partial"
apt-get "${options[@]}" update
apt-get "${options[@]}" clean
# What a pod runs besides (`sleep`, `cat`, `env`) is of coreutils. There is no shell.
apt-get "${options[@]}" --yes --download-only install nodejs coreutils libcap-ng0 >/dev/null
(cd "$state/archives" && apt-get "${options[@]}" download base-files ca-certificates tzdata util-linux >/dev/null)

rm -rf "$root"
mkdir -p "$root"/{dev,etc/ssl/certs,proc,run,sys,tmp,usr/{bin,lib,lib64,sbin},var/{lib/dpkg/status.d,tmp}}
chmod 1777 "$root/tmp" "$root/var/tmp"
for each in bin lib lib64 sbin; do ln -s "usr/$each" "$root/$each"; done
: >"$list"
none=(--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
  --exclude='./usr/share/info/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*'
  --exclude='./usr/share/nodejs/corepack/*' --exclude='./usr/bin/corepack')
for deb in "$state"/archives/*.deb; do
  # With `setpriv` the agent gives up rights for what serves HTTP, and scanners ask which system this is. The other files of
  # these packages are left out.
  only=()
  case $(basename "$deb") in
    util-linux_*) only=(./usr/bin/setpriv) ;;
    base-files_*) only=(./etc/debian_version ./etc/os-release ./usr/lib/os-release) ;;
  esac
  dpkg-deb --fsys-tarfile "$deb" |
    tar -x -p -C "$root" --keep-directory-symlink --no-same-owner "${none[@]}" "${only[@]}"
  dpkg-deb -W --showformat='${Package}\t${Version}\t${Architecture}\n' "$deb" >>"$list"
  # As scanners read it in an image without a package manager: the package, and those of its files that are here.
  status=$root/var/lib/dpkg/status.d/$(dpkg-deb -f "$deb" Package)
  dpkg-deb -f "$deb" >"$status"
  dpkg-deb -I "$deb" md5sums | while read -r sum path; do
    if [ -e "$root/$path" ]; then echo "$sum  $path"; fi
  done >"$status.md5sums"
done
LC_ALL=C sort -o "$list" "$list"
# The licences of what is in there.
for deb in "$state"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -p -C "$root" --no-same-owner --wildcards './usr/share/doc/*/copyright' 2>/dev/null || true
done
# What scripts of packages would do. Without a time zone each start of Node compares some 400 files with it.
ln -s /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
find "$root/usr/share/ca-certificates" -name '*.crt' -print0 | LC_ALL=C sort -z | xargs -0 cat \
  >"$root/etc/ssl/certs/ca-certificates.crt"
test -e "$root/usr/lib/$gnu/libc.so.6"
# The user of what serves HTTP: a uid that no other service of the host has.
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
snug:x:1900007684:1900007684:Snug:/nonexistent:/usr/sbin/nologin
END
cat >"$root/etc/group" <<'END'
root:x:0:
nogroup:x:65534:
snug:x:1900007684:
END
