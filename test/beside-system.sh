#!/bin/bash
# The part of `make test` that takes only processors from this machine: computation, virtual machines, what needs no
# sensor and no engine, and API servers. `beside-system.sh KUBE_CACHE` runs beside the lanes that share this machine's
# kernel, which mostly wait. A lane that fails does not keep the others from telling what they find; exits with 1 then.
set -u
nice -n 19 test/kube/cluster/build.sh "$1" >.build/kube.log 2>&1 &
built=$!
failed=0
# What is no lane of vitest is named in the sum as well.
missed() {
  echo "{\"passed\":0,\"failures\":[\"$1\"]}" >>"${SNUG_LANE_RESULTS:-/dev/null}"
  failed=1
}
npx vitest run --project random || failed=1
# A minute in all: each target for some seconds, from its corpus on.
npx tsx test/fuzz/run.ts --seconds 4 || missed 'test/fuzz/run.ts: it failed, see above'
npx vitest run --project qemu --project apart || failed=1
if wait $built; then
  npx vitest run --project kube || failed=1
else
  tail -n 20 .build/kube.log >&2
  missed 'test/kube/cluster/build.sh: the servers were not built, see above'
fi
exit $failed
