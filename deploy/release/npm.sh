#!/bin/bash
# Makes the package for npm: `npm.sh FOLDER [VERSION]` leaves snug-VERSION.tgz in the folder. It holds the sensor for
# each machine: two static files are smaller than what packages for each machine cost in releases that must agree.
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${2:-$(node -p 'require("./package.json").version')}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-npm-XXXXXX")
trap 'rm -rf "$work"' EXIT

package=$work/package
mkdir -p "$package/agent" "$package/deploy"
tar -c --exclude=dist/release --exclude=profiles/own dist profiles LICENSE README.md CHANGELOG.md | tar -x -C "$package" --no-same-owner
cp deploy/snug.yaml deploy/snug.service "$package/deploy/"
find "$package/dist" -name '*.map' -delete
for each in amd64:x64 arm64:arm64; do
  deploy/release/sensor.sh "${each%:*}" "$package/agent/snug-sensor-${each#*:}"
done
node deploy/release/manifest.mjs "$package" "$version"
level "$package"
cd "$package"
npm pack --silent --pack-destination "$out" >/dev/null
