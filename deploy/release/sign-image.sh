#!/bin/bash
# Signs a pushed image and its list of contents with cosign: `sign-image.sh REPOSITORY@sha256:… SBOM [FLAG…]`.
# The key is COSIGN_KEY, a file or a KMS. Without it cosign gets an identity from its surroundings, as in GitHub.
# FLAGs go to cosign.
set -eu

image=$1 sbom=$2
shift 2
case $image in *@sha256:*) ;; *) echo "sign-image.sh: name the image by its digest: $image" >&2; exit 64 ;; esac
cosign sign --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$@" "$image"
cosign attest --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$@" --type cyclonedx --predicate "$sbom" "$image"
