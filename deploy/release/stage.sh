#!/bin/bash
# Lays out below ROOT what a package installs: `stage.sh amd64|arm64 ROOT [VERSION]`. Takes `dist/` and the packages of
# npm as `make daemon` made them.
set -eu

machine=$1
root=$(realpath -m "$2")
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${3:-$(node -p 'require("./package.json").version')}
lib=$root/usr/lib/snug
doc=$root/usr/share/doc/snug
case $machine in
  amd64) node_machine=x64 ;;
  arm64) node_machine=arm64 ;;
  *) echo "snug: no packages for \`$machine\`: amd64, arm64" >&2; exit 64 ;;
esac

rm -rf "$root"
mkdir -p "$lib/agent" "$doc/reference" "$root/etc/snug" "$root/usr/bin"
tar -c --exclude=dist/release --exclude=profiles/own dist profiles package.json | tar -x -C "$lib" --no-same-owner
npm ls --omit=dev --all --parseable | sed -n "s|^$checkout/||p" | LC_ALL=C sort -u |
  tar -c --files-from=- | tar -x -C "$lib" --no-same-owner
# Most packages are part of dist.
node deploy/only-packages.mjs "$lib"
# What a program at work never reads, and what is for other machines.
find "$lib" -type f \( -name '*.map' -o -name '*.md' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete
find "$lib" -type d -path '*/prebuilds/*' -not -name "linux-$node_machine" -prune -exec rm -rf {} +
find "$lib" -type d -empty -delete
sed -i "s/^  \"version\": .*/  \"version\": \"$version\",/" "$lib/package.json"
# The Node that the package depends on, not another one that is first in some PATH.
for each in cli:snug kubectl:kubectl-snug; do
  main=dist/interfaces/${each%:*}/main.js
  sed -i '1s|^#!/usr/bin/env node$|#!/usr/bin/node|' "$lib/$main"
  head -n 1 "$lib/$main" | grep -qx '#!/usr/bin/node'
  ln -s "../lib/snug/$main" "$root/usr/bin/${each#*:}"
done

deploy/release/sensor.sh "$machine" "$lib/agent/snug-sensor"

# The path of the sensor in it is that of these packages.
install -D -m 0644 deploy/podman/snug.json "$root/usr/share/containers/oci/hooks.d/snug.json"
install -D -m 0644 deploy/snug.yaml "$root/etc/snug/snug.yaml"
install -d "$root/usr/lib/systemd/system"
sed -e 's|/opt/snug/dist/interfaces/cli/main.js|/usr/bin/snug|' \
  -e 's|^Documentation=.*|Documentation=man:snug(1) file:///usr/share/doc/snug/README.md|' \
  deploy/snug.service >"$root/usr/lib/systemd/system/snug.service"
install -d "$root/usr/share/man/man1" "$root/usr/share/bash-completion/completions"
npx tsx docs/man-page.ts "$version" | gzip -9n >"$root/usr/share/man/man1/snug.1.gz"
node dist/interfaces/cli/main.js completion bash >"$root/usr/share/bash-completion/completions/snug"
cp README.md docs/get-started.md docs/block-mode.md docs/threat-model.md docs/limits.md "$doc/"
cp docs/reference/*.md "$doc/reference/"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
install -m 0644 LICENSE "$doc/copyright"
chmod -R u=rwX,go=rX "$root"
