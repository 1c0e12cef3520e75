#!/bin/bash
# Signs how each file of a release was built, with cosign: `attest.sh FOLDER [FLAG…]` leaves FILE.sigstore.json beside each
# file that SHA256SUMS names. The key is as in sign-image.sh. FLAGs go to cosign.
set -eu

cd "$1"
shift
while read -r _ file; do
  cosign attest-blob --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$@" --type slsaprovenance1 \
    --predicate provenance.json --new-bundle-format --bundle "$file.sigstore.json" "$file" >/dev/null
done <SHA256SUMS
