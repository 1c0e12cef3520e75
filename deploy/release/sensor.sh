#!/bin/bash
# The sensor as packages ship it: `sensor.sh amd64|arm64 FILE`. Where SNUG_SENSORS names a folder it is built once, there.
set -eu

here=$(dirname "$0")
built=$2
if [ -n "${SNUG_SENSORS:-}" ]; then
  built=$SNUG_SENSORS/snug-sensor-$1
  # Who comes second waits for it.
  exec 8>"$built.lock"
  flock 8
fi
if [ -z "${SNUG_SENSORS:-}" ] || [ ! -e "$built" ]; then
  "$here/../cross-sensor.sh" "$1" "$built.unstripped"
  llvm-strip-19 --strip-unneeded "$built.unstripped" -o "$built"
  rm "$built.unstripped"
fi
[ "$built" = "$2" ] || install -D -m 0755 "$built" "$2"
