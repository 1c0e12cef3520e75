#!/bin/bash
# Builds the commit of a release again, and compares: `verify.sh RELEASE`, the folder with its downloaded files. Needs
# the checkout of that commit and `make daemon`. The build stays in .build/verified. Exits with 2
# where a file differs.
set -eu

release=$(cd "$1" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
of() { node -p "const { buildDefinition: { externalParameters, resolvedDependencies: [source] } } =
  JSON.parse(require('node:fs').readFileSync('$release/provenance.intoto.json', 'utf8')).predicate; $1"; }
commit=$(of source.digest.gitCommit)
version=$(of externalParameters.version)
SNUG_HOMEPAGE=$(of "source.uri.replace(/^git\\+/, '')")
export SNUG_HOMEPAGE
if [ "$(git rev-parse HEAD)" != "$commit" ] || [ -n "$(git status --porcelain)" ]; then
  echo "snug: the release is of another state of the repository: \`git checkout $commit\`, without changes" >&2
  exit 64
fi
built=.build/verified
rm -rf "$built"
SNUG_SCAN_REPORTS='' deploy/release/release.sh "$built" "$version"
reports=$(mktemp -d)
trap 'rm -r "$reports"' EXIT
for each in "$release"/*.scan.json; do
  if [ -e "$each" ]; then cp "$each" "$reports/$(basename "$each" .scan.json).json"; fi
done
if [ -n "$(ls "$reports")" ]; then
  vex=$release/snug.openvex.json
  # A proposal has no author.
  author=$([ ! -e "$vex" ] || node -p "const { author, role } =
    JSON.parse(require('node:fs').readFileSync('$vex', 'utf8')); role ? '' : author")
  # Where the image differs, the reports are on another one: the comparison names both.
  if SNUG_VEX_AUTHOR=$author deploy/release/vex.sh "$built" "$reports"; then
    deploy/release/sums.sh "$built" "$version"
  fi
fi
node deploy/release/compare.mjs "$release" "$built"
