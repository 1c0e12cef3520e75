#!/bin/bash
# The one node of a test cluster: `node.sh start|stop BIN RUN [PORT]`. containerd, shims and kubelet live in a mount
# namespace of their own, so that their mounts never show on the machine and end with them; the pods' network is a
# bridge whose address is the node's. RUN/saved notes each change to the machine, and `stop` takes it back.
set -euo pipefail
what=$1 bin=$2 run=$3 port=${4:-16443}
node=node1 bridge=snugkube0 net=10.244.0 address=10.244.0.1
. "$(dirname "$0")/pki.sh"
. "$(dirname "$0")/process.sh"
. "$(dirname "$0")/versions.sh"

socket=$run/containerd.sock
mark=(-m comment --comment snug-kube)
settings='vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys
  kernel.keys.root_maxbytes net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.route_localnet
  net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_established
  net.netfilter.nf_conntrack_tcp_timeout_close_wait'
folders='/var/lib/kubelet /var/log/pods /var/log/containers /var/lib/cni /run/netns /usr/libexec/kubernetes'

note_machine() {
  mkdir -p "$run/saved"
  for each in $folders; do [ -e "$each" ] || echo "$each"; done >"$run/saved/folders"
  for each in $settings; do
    value=$(sysctl -n "$each" 2>/dev/null) && echo "$each=$value"
  done >"$run/saved/settings" || true
}

remove_network() {
  local table
  for table in filter nat; do
    iptables-save -t $table 2>/dev/null | sed -nE '/--comment "?snug-kube"?( |$)/s/^-A/-D/p' |
      while read -r rule; do eval "iptables -w -t $table $rule" || true; done
  done
  for veth in $(ip -o link show master $bridge 2>/dev/null | sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p'); do ip link del "$veth" 2>/dev/null || true; done
  ip link del $bridge 2>/dev/null || true
}

# Takes back what a killed run left. Its bridge names its folder, which has the number of its containerd.
take_over() {
  local owner
  [ -e /sys/class/net/$bridge ] || return 0
  owner=$(cat /sys/class/net/$bridge/ifalias)
  if (run=$owner; alive containerd); then
    echo "$bridge belongs to the test cluster of $owner, which runs" >&2
    exit 1
  fi
  [ -d "$owner/saved" ] || return 0
  "$0" stop "$bin" "$owner"
  rm -rf --one-file-system "$owner"
}

start_network() {
  modprobe -q -a overlay br_netfilter veth 2>/dev/null || true
  # Rules of a run that was killed come first, and lead to a server that is gone.
  remove_network
  ip link add "$bridge" type bridge
  ip link set "$bridge" alias "$run"
  ip addr add "$address/24" dev "$bridge"
  ip link set "$bridge" up
  sysctl -qw net.ipv4.ip_forward=1 "net.ipv4.conf.$bridge.route_localnet=1"
  sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
  iptables -w -I FORWARD -i "$bridge" "${mark[@]}" -j ACCEPT
  iptables -w -I FORWARD -o "$bridge" "${mark[@]}" -j ACCEPT
  iptables -w -t nat -A POSTROUTING -s "$net.0/24" ! -d "$net.0/24" ! -o lo "${mark[@]}" -j MASQUERADE
  # Pods reach the API server at its service's address.
  for chain in PREROUTING OUTPUT; do
    iptables -w -t nat -A $chain -d 10.96.0.1 -p tcp --dport 443 "${mark[@]}" -j DNAT --to-destination "127.0.0.1:$port"
  done
  mkdir -p "$run/cni"
  cat >"$run/cni/10-bridge.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run/ipam", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "$net.0/24", "rangeStart": "$net.2"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
}

start_containerd() {
  # Without CAP_SYS_RESOURCE no process may have a lower OOM score than its parent.
  local restrict=true
  (((0x$(sed -n 's/^CapEff:\t*//p' /proc/self/status) >> 24) & 1)) && restrict=false
  # Debian has no shim of gVisor, and runsc beneath that of runc starts no second container. This is runc's, by the name.
  mkdir "$run/shims"
  ln -s "$(command -v containerd-shim-runc-v2)" "$run/shims/containerd-shim-runsc-v1"
  cat >"$run/containerd.toml" <<EOF
version = 2
root = "$run/containerd"
state = "$run/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "$run/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "$run/nri.sock"
  plugin_path = "$run/nri-plugins"
  plugin_config_path = "$run/nri-config"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = $restrict
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$run/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
      runtime_type = "io.containerd.runsc.v1"
EOF
  # A separate bpffs for the node: its pins end with it.
  background containerd unshare -m --propagation private \
    sh -c 'mount --make-rshared / && mount -t bpf -o mode=0700 bpf /sys/fs/bpf && exec "$@"' sh \
    env "PATH=$run/shims:$PATH" containerd --config "$run/containerd.toml"
  answers() { ctr -a "$socket" version >/dev/null 2>&1; }
  until_true 200 answers || die containerd
}

# A kubelet before 1.23 has an interface that containerd 2 has no more.
start_translator() {
  [ "$1" -lt 23 ] && containerd --version | grep -q '/v2 ' || return 0
  PATH=/usr/lib/go-1.24/bin:$PATH GOTOOLCHAIN=local GOFLAGS= go build -o "$run/cri-v1alpha2" "$(dirname "$0")/cri-v1alpha2.go"
  background cri-v1alpha2 "$run/cri-v1alpha2" "$run/cri-v1alpha2.sock" "$socket"
  socket=$run/cri-v1alpha2.sock
  listens() { [ -S "$socket" ]; }
  until_true 200 listens || die cri-v1alpha2
}

start_kubelet() {
  local minor own
  minor=$(minor_version)
  start_translator "$minor"
  mapfile -t own < <(flags_of kubelet "$minor")
  kubeconfig kubelet "/O=system:nodes/CN=system:node:$node"
  cat >"$run/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$pki/ca.crt"}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
enforceNodeAllocatable: [pods]
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
maxOpenFiles: $(ulimit -Hn)
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
resolvConf: /etc/resolv.conf
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
volumePluginDir: $run/volume-plugins
$(kubelet_config_of "$minor")
EOF
  background kubelet nsenter -m -t "$(cat "$run/containerd.pid")" "$bin/kubelet" --config="$run/kubelet.yaml" \
    --kubeconfig="$run/kubelet.kubeconfig" --hostname-override=$node --node-ip=$address --root-dir="$run/kubelet" \
    --cert-dir="$pki" "${own[@]}"
  ready() {
    alive kubelet || die kubelet 'it ended'
    kubectl --kubeconfig "$run/admin.kubeconfig" get node $node --no-headers 2>/dev/null | grep -q ' Ready '
  }
  until_true 600 ready || die kubelet
}

start_proxy() {
  kubeconfig kube-proxy /CN=system:kube-proxy
  cat >"$run/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: "$run/kube-proxy.kubeconfig"}
hostnameOverride: $node
clusterCIDR: $net.0/24
bindAddress: $address
nodePortAddresses: ["$net.0/24"]
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
  background kube-proxy "$bin/kube-proxy" --config="$run/kube-proxy.yaml"
  has_chain() { iptables -w -t nat -S KUBE-SERVICES >/dev/null 2>&1; }
  until_true 200 has_chain || die kube-proxy
}

# An image of one static program, as `docker save` would write it.
load_pause() {
  local work
  work=$(mktemp -d)
  cp "$bin/pause" "$work/pause"
  tar -C "$work" --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" pause
  local layer
  layer=$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)
  jq -cn --arg layer "sha256:$layer" --arg arch "$(dpkg --print-architecture)" \
    '{architecture: $arch, os: "linux", config: {Cmd: ["/pause"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' >"$work/config.json"
  echo '[{"Config": "config.json", "RepoTags": ["localhost/pause:1"], "Layers": ["layer.tar"]}]' >"$work/manifest.json"
  tar -C "$work" -cf - manifest.json config.json layer.tar | ctr -a "$socket" -n k8s.io images import --base-name localhost/pause - >/dev/null
  rm -rf "$work"
}

end_containers() {
  local c=(timeout 20 ctr -a "$socket" -n k8s.io)
  for task in $("${c[@]}" tasks ls -q 2>/dev/null); do "${c[@]}" tasks kill -s SIGKILL "$task" 2>/dev/null || true; done
  none_runs() { ! "${c[@]}" tasks ls 2>/dev/null | grep -q RUNNING; }
  until_true 50 none_runs || true
  for task in $("${c[@]}" tasks ls -q 2>/dev/null); do "${c[@]}" tasks rm -f "$task" >/dev/null 2>&1 || true; done
  for each in $("${c[@]}" containers ls -q 2>/dev/null); do "${c[@]}" containers rm "$each" >/dev/null 2>&1 || true; done
  # Shims that have nothing left, by the address of this containerd.
  for shim in $(ps -eo pid,args | awk -v s="$socket" '/containerd-shim-run(c-v2|sc-v1)/ && index($0, "-address " s) {print $1}'); do
    kill -KILL "$shim" 2>/dev/null || true
  done
}

restore_machine() {
  local table chains tool
  for tool in iptables ip6tables; do for table in nat filter mangle; do
    chains=$($tool-save -t $table 2>/dev/null | sed -n 's/^:\(KUBE-[^ ]*\|CNI-[^ ]*\) .*/\1/p')
    [ -n "$chains" ] || continue
    $tool-save -t $table |
      sed -nE '/^-A (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) .*-j (KUBE-|CNI-)/s/^-A/-D/p' |
      while read -r rule; do eval "$tool -w -t $table $rule" || true; done
    for chain in $chains; do $tool -w -t $table -F "$chain" || true; done
    for chain in $chains; do $tool -w -t $table -X "$chain" 2>/dev/null || true; done
  done; done
  remove_network
  for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ ! -d "$group/kubepods" ] || find "$group/kubepods" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  while read -r setting; do sysctl -qw "$setting" 2>/dev/null || true; done <"$run/saved/settings"
  while read -r folder; do rm -rf --one-file-system "$folder"; done <"$run/saved/folders"
}

case $what in
start)
  take_over
  note_machine
  start_network
  start_containerd
  load_pause
  start_kubelet
  start_proxy
  ;;
stop)
  [ -d "$run/saved" ] || exit 0
  # What they leave goes with their folders and mounts, and by what is restored here.
  end kubelet KILL
  end kube-proxy KILL
  end cri-v1alpha2 KILL
  end_containers
  end containerd KILL
  restore_machine
  ;;
*) exit 64 ;;
esac
