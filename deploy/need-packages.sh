#!/bin/bash
# Sees to it that Debian packages are there: `need-packages.sh WHAT-FOR PACKAGE…`
# Prints nothing if all are installed. Exits 1 with a hint if it cannot install them.
set -eu

purpose=$1
shift

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
else
  missing=("$@")
fi
[ ${#missing[@]} -gt 0 ] || exit 0

run=()
if ! command -v apt-get >/dev/null; then
  echo "snug: $purpose needs these Debian packages or their like: ${missing[*]}" >&2
  exit 1
elif [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    run=(sudo -n)
  else
    echo "snug: $purpose needs packages that only root can install. As root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

echo "snug: installing for $purpose: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  # No service that a package brings shall start: what the tests need they start themselves.
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null
}
# The list of packages may be fresh, and fetching it takes long: first try without.
if ! install; then
  "${run[@]}" apt-get update -qq >"$log" 2>&1 </dev/null || { cat "$log" >&2; exit 1; }
  install || { cat "$log" >&2; exit 1; }
fi
