#!/bin/bash
# Pushes a packed chart as Helm does: `push-chart.sh REGISTRY/CHARTS FILE.tgz [FLAG…]` pushes REGISTRY/CHARTS/snug:VERSION
# and prints that name by its digest. FLAGs go to oras.
set -eu

charts=$1
file=$(realpath "$2")
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-push-XXXXXX")
trap 'rm -rf "$work"' EXIT

tar -xzf "$file" -C "$work" --strip-components=1 snug/Chart.yaml
node "$here/chart-config.mjs" "$work"
version=$(cat "$work/version")
cp "$file" "$work/snug-$version.tgz"
cd "$work"
# A tag has no `+`: Helm writes `_` instead.
oras push "$@" --config config.json:application/vnd.cncf.helm.config.v1+json --annotation-file annotations.json \
  --format 'go-template={{.reference}}' "$charts/snug:${version//+/_}" \
  "snug-$version.tgz:application/vnd.cncf.helm.chart.content.v1.tar+gzip"
