# Processes of a test cluster, by name; each has $run/NAME.pid and $run/NAME.log. Sourced; needs $run.

background() {
  local name=$1
  shift
  # A separate process group: a signal that ends the test must not end half of the cluster.
  setsid "$@" >>"$run/$name.log" 2>&1 </dev/null &
  echo $! >"$run/$name.pid"
  until_true 50 alive "$name" || die "$name"
}

# The number may belong to another process by now: every process of a cluster has its folder in the command line. During
# an exec a process has no command line, and still belongs to the cluster; a zombie has none either.
alive() {
  [ -f "$run/$1.pid" ] || return 1
  local at words
  at=/proc/$(cat "$run/$1.pid")
  words=$({ tr '\0' ' ' <"$at/cmdline"; } 2>/dev/null) || return 1
  case "$words" in
  *"$run"*) return 0 ;;
  '') grep -q '^State:[[:space:]]*[^ZX]' "$at/status" 2>/dev/null ;;
  *) return 1 ;;
  esac
}

end() {
  if alive "$1"; then
    kill -"${2:-TERM}" "$(cat "$run/$1.pid")" 2>/dev/null || true
    for _ in $(seq 80); do alive "$1" || break; sleep 0.1; done
    ! alive "$1" || kill -KILL "$(cat "$run/$1.pid")" 2>/dev/null || true
  fi
  rm -f "$run/$1.pid"
}

# until_true TENTHS COMMAND…
until_true() {
  local tries=$1
  shift
  for _ in $(seq "$tries"); do "$@" && return 0; sleep 0.1; done
  return 1
}

die() {
  echo "$1 did not come up${2:+: $2}:" >&2
  { grep -E '^[EF][0-9]|error|fatal' "$run/$1.log" || tail -n 5 "$run/$1.log"; } | tail -n 5 >&2
  exit 1
}
