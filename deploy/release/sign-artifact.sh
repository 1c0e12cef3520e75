#!/bin/bash
# Signs what is in a registry, and how it was built: `sign-artifact.sh REPOSITORY@sha256:… PROVENANCE [FLAG…]`. The key is
# COSIGN_KEY, a file or a KMS. Without it cosign gets an identity from its surroundings, as in GitHub. FLAGs go to cosign.
set -eu

artifact=$1 provenance=$2
shift 2
case $artifact in *@sha256:*) ;; *) echo "sign-artifact.sh: name it by its digest: $artifact" >&2; exit 64 ;; esac
cosign sign --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$@" "$artifact"
cosign attest --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$@" --type slsaprovenance1 --predicate "$provenance" "$artifact"
