#!/bin/bash
# Compiles the sensor for a machine of Debian: `cross-sensor.sh arm64 FILE`. For another machine than this one, Debian's
# libraries of it are fetched once, into .build/cross; nothing is installed, and dpkg's list of architectures is left alone.
set -eu

machine=$1
out=$(realpath -m "$2")
case $machine in
  amd64) gnu=x86_64-linux-gnu ;;
  arm64) gnu=aarch64-linux-gnu ;;
  *) echo "snug: \`$machine\` is no machine that the sensor is built for: amd64, arm64" >&2; exit 64 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.build/cross/$machine
mkdir -p "$cache"
# One at a time: they share what is fetched, and the folder to compile in.
exec 9>"$cache/lock"
flock 9

fetch() {
  local state=$cache/apt working=$cache/sysroot.$$
  local options=(-qq "-oAPT::Architecture=$machine" "-oAPT::Architectures=$machine" "-oDir::State=$state"
    "-oDir::Cache=$state" -oDir::State::status=/dev/null -oAPT::Sandbox::User=root)
  local packages=(libc6-dev libbpf-dev libelf-dev zlib1g-dev libzstd-dev)
  mkdir -p "$state/lists/partial" "$working"
  cd "$working"
  # The lists may be fresh, and fetching them takes long: first try without.
  apt-get "${options[@]}" download "${packages[@]}" >/dev/null 2>&1 || {
    apt-get "${options[@]}" update
    apt-get "${options[@]}" download "${packages[@]}"
  }
  for each in *.deb; do dpkg -x "$each" . && rm "$each"; done
  # There as a whole or not at all.
  mv -T "$working" "$cache/sysroot"
}

arguments=()
if [ "$(dpkg --print-architecture)" != "$machine" ]; then
  [ -d "$cache/sysroot" ] || (fetch)
  sysroot=$cache/sysroot
  export CPPFLAGS="-I$sysroot/usr/include -I/usr/$gnu/include"
  arguments=("CC=$gnu-gcc" "PKG_CONFIG_FOLDER=$sysroot/usr/lib/$gnu/pkgconfig"
    "LDFLAGS=-L$sysroot/usr/lib/$gnu" "REPRODUCIBLE=-ffile-prefix-map=$cache/agent=. -ffile-prefix-map=$sysroot=")
fi
rm -rf "$cache/agent"
mkdir "$cache/agent"
tar -C "$root/agent" --exclude=./build --exclude=./snug-sensor -c . | tar -C "$cache/agent" -x
make -s -C "$cache/agent" "${arguments[@]}"
install -D -m 0755 "$cache/agent/snug-sensor" "$out"
