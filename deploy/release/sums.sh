#!/bin/bash
# The checksums of the files of a release, and how they were built: `sums.sh FOLDER VERSION`, in the checkout.
set -eu
shopt -s nullglob

(cd "$1" && LC_ALL=C && sha256sum -- *.deb *.rpm *.tgz *.digests *.openvex.json *.scan.json >SHA256SUMS)
node deploy/release/provenance.mjs "$1" "$2"
