#!/bin/bash
# Makes a package for Fedora and its kin, of the same files as the one for Debian:
# `rpm.sh amd64|arm64 FOLDER [VERSION]`.
set -eu

machine=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cd "$checkout"
. deploy/release/same-bytes.sh
version=${3:-$(node -p 'require("./package.json").version')}
case $machine in
  amd64) target=x86_64 ;;
  arm64) target=aarch64 ;;
  *) echo "snug: no packages for \`$machine\`: amd64, arm64" >&2; exit 64 ;;
esac
work=$(mktemp -d "${TMPDIR:-/var/tmp}/snug-rpm-XXXXXX")
trap 'rm -rf "$work"' EXIT

deploy/release/stage.sh "$machine" "$work/staged" "$version"
level "$work/staged"
# A version before the release sorts before it.
rpmbuild -bb --quiet --target "$target-linux" --define "_topdir $work" --define "_rpmdir $out" \
  --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_build_id_links none' \
  --define 'use_source_date_epoch_as_buildtime 1' --define 'build_mtime_policy clamp_to_source_date_epoch' --define '_buildhost snug' \
  --define "_binary_payload ${SNUG_RPM_PAYLOAD:-w19.zstdio}" \
  --define "staged $work/staged" --define "packaged ${version/-/\~}" deploy/release/snug.spec
