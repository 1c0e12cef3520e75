#!/bin/bash
# Everything that a release consists of, into a folder: `release.sh FOLDER [VERSION]`. Needs `make daemon`.
# SNUG_SCAN_REPORTS is a folder with reports on its image, for vex.sh.
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
reports=${SNUG_SCAN_REPORTS:+$(realpath "$SNUG_SCAN_REPORTS")}
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${2:-$(node -p 'require("./package.json").version')}
SNUG_SENSORS=$(mktemp -d /var/tmp/snug-sensors-XXXXXX)
trap 'rm -rf "$SNUG_SENSORS"' EXIT
export SNUG_SENSORS

for machine in amd64 arm64; do
  deploy/release/deb.sh "$machine" "$out" "$version"
  deploy/release/rpm.sh "$machine" "$out" "$version"
done
deploy/release/npm.sh "$out" "$version"
deploy/release/krew.sh "$out" "$version"
deploy/release/chart.sh "$out" "$version"
deploy/release/image.sh "$out" "$version"
deploy/release/vex.sh "$out" "$reports"
# The section of that version; before a release, of what is not released yet.
section() {
  awk -v name="$1" '/^## / { on = $2 == name || $2 == "[" name "]"; next } on' CHANGELOG.md
}
section "$version" >"$out/notes.md"
[ -s "$out/notes.md" ] || section Unreleased >"$out/notes.md"
deploy/release/sums.sh "$out" "$version"
