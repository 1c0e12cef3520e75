#!/bin/bash
# Pushes a packed chart as Helm does: `push-chart.sh REGISTRY/CHARTS FOLDER [FLAG…]` pushes REGISTRY/CHARTS/snug:VERSION of
# what chart.sh left in FOLDER, and prints that name by its digest. FLAGS go to oras.
set -eu

charts=$1
folder=$(realpath "$2")
shift 2
version=$(cat "$folder/chart/version")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-push-XXXXXX")
trap 'rm -rf "$work"' EXIT

# oras names the layer by its file.
cp "$folder/snug-chart-$version.tgz" "$work/snug-$version.tgz"
cp "$folder"/chart/{config,annotations}.json "$work/"
cd "$work"
# A tag has no `+`: Helm writes `_` instead.
oras push "$@" --config config.json:application/vnd.cncf.helm.config.v1+json --annotation-file annotations.json \
  --format 'go-template={{.reference}}' "$charts/snug:${version//+/_}" \
  "snug-$version.tgz:application/vnd.cncf.helm.chart.content.v1.tar+gzip"
