#!/bin/bash
# What an agent does on a host with Docker, for own-profile.sh: it starts in a container, learns another one, alerts, blocks,
# serves API and page, delivers, reads its settings again, and ends. Stops at the first step that does not work.
set -eu

host=${DOCKER_HOST:-unix:///var/run/docker.sock}
state=/sys/fs/bpf/$(basename "$SNUG_WORK")
mkdir "$SNUG_WORK/data"
cat >"$SNUG_WORK/data/snug.yaml" <<END
listen: 127.0.0.1:17684
learn: { floor: 5s, unseen: 1 }
block: { canaryFor: 1s, canary: 1 }
sinks:
  - { name: lines, type: file, path: /var/lib/snug/alerts.ndjson }
  - { name: hook, type: http, url: "http://localhost:17685/" }
  - { name: siem, type: syslog, address: "127.0.0.1:17686", transport: udp }
END
snug() { docker exec snug-own-agent snug "$@"; }
# Until the command succeeds, for two minutes.
until_ok() {
  for _ in $(seq 240); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.5; done
  echo "snug: this did not work within two minutes: $*" >&2
  "$@"
}
# A receiver of alerts.
node -e "require('node:http').createServer((asked, answer) => {
  asked.resume(); console.log(asked.method); answer.end() }).listen(17685)" >"$SNUG_WORK/hook" &
hook=$!
trap 'kill $hook' EXIT

capabilities=()
for each in BPF PERFMON NET_ADMIN SYS_PTRACE DAC_READ_SEARCH SYSLOG SETUID SETGID; do capabilities+=(--cap-add "$each"); done
docker run -d --name snug-own-agent --pid host --network host --cap-drop ALL "${capabilities[@]}" \
  -v /sys/fs/bpf:/sys/fs/bpf -v /sys/fs/cgroup:/host/cgroup:ro -v "$SNUG_WORK/data:/var/lib/snug" \
  -v "${host#unix://}:/var/run/docker.sock" \
  snug-own:agent agent --config /var/lib/snug/snug.yaml --kernel-state "$state" >/dev/null
snug status --wait 90s
snug doctor >/dev/null || true

docker run -d --name snug-own-shop snug-own-shop:1 sh -c 'echo hello >/motd; while :; do cat /motd; sleep 0.2; done' >/dev/null
is_learned() { snug profile show snug-own-shop:1 | grep -q /motd; }
until_ok is_learned
snug profile mode snug-own-shop:1 alert
snug profile export snug-own-shop:1 >/dev/null
docker exec snug-own-shop id
until_ok grep -q '"type":"deviation"' "$SNUG_WORK/data/alerts.ndjson"
until_ok grep -q POST "$SNUG_WORK/hook"
until_ok snug profile mode snug-own-shop:1 block --reason own-profile
until_ok bash -c '! docker exec snug-own-shop cat /bin/busybox'
snug profile review >/dev/null
snug alert list >/dev/null
snug audit verify
snug sink test hook

link=$(snug ui)
# As a browser that the link signs in.
node -e "(async () => {
  const signed = await fetch('$link', { redirect: 'manual' })
  const cookie = signed.headers.get('set-cookie').split(';')[0]
  for (const path of ['/', '/metrics', '/openapi.json', '/v1/status', '/v1/images', '/v1/alerts']) {
    const { ok, status } = await fetch(new URL(path, '$link'), { headers: { cookie } })
    if (!ok) throw new Error(path + ' is answered with ' + status)
  }
})()"
docker kill -s HUP snug-own-agent >/dev/null
# What probes and hooks of the manifests run.
docker exec snug-own-agent sleep 1
snug status >/dev/null
docker restart -t 30 snug-own-agent >/dev/null
snug status --wait 90s
docker stop -t 30 snug-own-agent >/dev/null
