#!/bin/bash
# Writes the manifest for krew: `krew.sh FOLDER VERSION` leaves snug-krew.yaml in the folder, beside snug-VERSION.tgz that
# it is for. SNUG_HOMEPAGE is where the release will be.
set -eu

out=$(cd "$1" && pwd)
version=$2
homepage=${SNUG_HOMEPAGE:-https://example.invalid/snug}
sum=$(sha256sum "$out/snug-$version.tgz" | cut -d ' ' -f 1)
sed -e "s|@VERSION@|$version|g" -e "s|@SHA256@|$sum|" -e "s|@HOMEPAGE@|$homepage|g" \
  "$(dirname "$0")/../krew/snug.yaml" >"$out/snug-krew.yaml"
