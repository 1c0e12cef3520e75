#!/bin/bash
# What Snug's own profile shows about findings of scanners on its image for x86-64: `vex.sh FOLDER [REPORTS]`. REPORTS is a
# folder with reports of Trivy or Grype on that image, NAME.json each. Leaves snug.openvex.json in FOLDER, and the reports as
# NAME.scan.json. Where SNUG_VEX_AUTHOR names somebody who reviewed it, unused packages are `not_affected`. Needs `make daemon`.
set -eu

out=$(cd "$1" && pwd)
reports=${2:+$(realpath "$2")}
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
rm -f "$out/snug.openvex.json" "$out"/*.scan.json
if [ -z "$reports" ]; then
  echo "snug: no snug.openvex.json: SNUG_SCAN_REPORTS names no reports of a scanner on $out/image"
  exit
fi
given=("$reports"/*.json)
[ -e "${given[0]}" ] || { echo "snug: no reports (NAME.json) in $reports" >&2; exit 64; }
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-vex-XXXXXX")
trap 'rm -rf "$work"' EXIT
digest=$(node deploy/release/one-image.mjs "$out/image" amd64 "$work/image.tar")
node dist/interfaces/cli/main.js scan "snug@$digest" --exact --archive "$work/image.tar" \
  --profile profiles/own/agent.json --report "${given[@]}" \
  --format openvex ${SNUG_VEX_AUTHOR:+--accept "$SNUG_VEX_AUTHOR"} >"$work/openvex.json"
for each in "${given[@]}"; do cp "$each" "$out/$(basename "$each" .json).scan.json"; done
if [ -s "$work/openvex.json" ]; then
  cp "$work/openvex.json" "$out/snug.openvex.json"
else
  echo "snug: no snug.openvex.json: the reports have no findings"
fi
