#!/bin/bash
# Publishes what release.sh made, signed: `publish.sh FOLDER REGISTRY [FLAG…]` pushes the image as REGISTRY/snug and the chart
# as REGISTRY/charts/snug, and signs both, how they and each file were built, the lists of contents, and what vex.sh left.
# Prints both names by digest. The key is as in sign-image.sh. FLAGS go to cosign; SNUG_PLAIN_HTTP=1 is for a registry without
# TLS.
set -eu

out=$(cd "$1" && pwd)
registry=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
plain=() copying=() cosign=()
if [ -n "${SNUG_PLAIN_HTTP:-}" ]; then
  plain=(--plain-http) copying=(--to-plain-http) cosign=(--allow-http-registry)
fi
of() { node -p "const { readFileSync } = require('node:fs'); const at = '$out/image/'; $1"; }
json='(path) => JSON.parse(readFileSync(at + path, "utf8"))'
version=$(of "($json)('index.json').manifests[0].annotations['org.opencontainers.image.ref.name']")
index=$(of "($json)('index.json').manifests[0].digest")
tag=${version//+/_}

oras cp --no-tty --from-oci-layout "$out/image:$version" "${copying[@]}" "$registry/snug:$tag" >&2
chart=$("$here/push-chart.sh" "$registry/charts" "$out" "${plain[@]}")
# Each machine's image by itself too: what runs is one of them.
of "($json)('blobs/${index/:/\/}').manifests.map(({ digest, platform }) => platform.architecture + ' ' + digest).join('\\n')" |
  while read -r machine digest; do
    "$here/sign-image.sh" "$registry/snug@$digest" "$out/snug-image-$machine.cdx.json" "${cosign[@]}" "$@" </dev/null
    if [ "$machine" = amd64 ] && [ -e "$out/snug.openvex.json" ]; then
      cosign attest --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "${cosign[@]}" "$@" --type openvex \
        --predicate "$out/snug.openvex.json" "$registry/snug@$digest" </dev/null
    fi
  done >&2
for each in "$registry/snug@$index" "$chart"; do
  "$here/sign-artifact.sh" "$each" "$out/provenance.json" "${cosign[@]}" "$@"
done >&2
"$here/attest.sh" "$out" "$@" >&2
echo "$registry/snug@$index"
echo "$chart"
