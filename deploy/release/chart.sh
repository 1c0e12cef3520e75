#!/bin/bash
# Packs the chart as Helm does: `chart.sh FOLDER [VERSION]` leaves snug-chart-VERSION.tgz in the folder, and in `chart` its
# config and annotations in a registry.
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${2:-$(node -p 'require("./package.json").version')}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-chart-XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -r deploy/helm/snug "$work/snug"
sed -i -E "s/^(version|appVersion): .*/\1: $version/" "$work/snug/Chart.yaml"
# The same bytes for the same files.
tar -C "$work" -c --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" snug |
  gzip -9n >"$out/snug-chart-$version.tgz"
mkdir -p "$out/chart"
node deploy/release/chart-config.mjs "$work/snug" "$out/chart"
