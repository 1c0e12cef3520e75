#!/bin/bash
# Makes the image for x86-64 and arm64, on either: `image.sh FOLDER [VERSION]` leaves an OCI layout with one index in
# FOLDER/image, the list of contents of each machine and the digests beside it. It consists of files of packages of Debian and of what
# stage.sh lays out: nothing of the other machine is run.
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${2:-$(node -p 'require("./package.json").version')}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-image-XXXXXX")
trap 'rm -rf "$work"' EXIT

layer() {
  tar -C "$1" -c --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" . >"$2"
}

for machine in amd64 arm64; do
  at=$work/$machine
  mkdir -p "$at/snug/usr/lib" "$at/snug/usr/bin" "$at/snug/usr/share/snug" "$at/snug/var/lib/snug"
  deploy/release/image-root.sh "$machine" "$at/debian" "$at/packages"
  deploy/release/stage.sh "$machine" "$at/staged" "$version"
  mv "$at/staged/usr/lib/snug" "$at/snug/usr/lib/"
  mv "$at/staged/usr/bin"/* "$at/snug/usr/bin/"
  cp node_modules/.package-lock.json "$at/snug/usr/lib/snug/node_modules/"
  SNUG_PACKAGES=$at/packages node deploy/sbom.mjs "$at/snug/usr/lib/snug" >"$out/snug-image-$machine.cdx.json"
  rm "$at/snug/usr/lib/snug/node_modules/.package-lock.json"
  cp "$out/snug-image-$machine.cdx.json" "$at/snug/usr/share/snug/sbom.cdx.json"
  layer "$at/debian" "$at/debian.tar"
  layer "$at/snug" "$at/snug.tar"
done
rm -rf "$out/image"
node deploy/release/oci-layout.mjs "$out/image" "$version" \
  "amd64=$work/amd64/debian.tar,$work/amd64/snug.tar" "arm64=$work/arm64/debian.tar,$work/arm64/snug.tar" \
  >"$out/snug-image.digests"
