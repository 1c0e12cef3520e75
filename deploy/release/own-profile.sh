#!/bin/bash
# Records what Snug itself does, in its image and under its own sensor: `own-profile.sh FILE` writes the profile. Needs root,
# Docker, busybox and `make build`. The work is that of own-work.sh.
set -eu

file=$(realpath -m "$1")
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
host=${DOCKER_HOST:-unix:///var/run/docker.sock}
export SNUG_WORK
SNUG_WORK=$(mktemp -d /var/tmp/snug-own-XXXXXX)
clean() {
  docker rm -f snug-own-agent snug-own-shop >/dev/null 2>&1 || true
  docker rmi -f snug-own:agent snug-own-shop:1 >/dev/null 2>&1 || true
  # The agent's own end leaves its programs in the kernel.
  node dist/interfaces/cli/main.js kernel detach --yes --kernel-state "/sys/fs/bpf/$(basename "$SNUG_WORK")" >/dev/null || true
  rm -rf "$SNUG_WORK"
}
trap clean EXIT

SNUG_IMAGE_COMPRESSION=1 deploy/release/image.sh "$SNUG_WORK"
machine=$(dpkg --print-architecture)
node deploy/release/one-image.mjs "$SNUG_WORK/image" "$machine" "$SNUG_WORK/image.tar" snug-own:agent >/dev/null
docker load -q -i "$SNUG_WORK/image.tar"
mkdir -p "$SNUG_WORK/shop/bin" "$(dirname "$file")"
cp /bin/busybox "$SNUG_WORK/shop/bin/busybox"
for each in sh cat sleep id; do ln -s busybox "$SNUG_WORK/shop/bin/$each"; done
tar -C "$SNUG_WORK/shop" -c . | docker import - snug-own-shop:1 >/dev/null
SNUG_ENGINES_DOCKER_SOCKET=${host#unix://} SNUG_NODE=own node dist/interfaces/cli/main.js record --image snug-own:agent --out "$file" \
  -- deploy/release/own-work.sh
