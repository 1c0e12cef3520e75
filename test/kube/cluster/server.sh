#!/bin/bash
# The control plane of a test cluster on 127.0.0.1: `server.sh WHAT BIN RUN [PORT [FLAG…]]`, WHAT as the cases below.
# `start` begins with an empty state. The API server alone can be killed and started again on its state, also with
# flags. `server.sh user BIN RUN PORT NAME` makes RUN/NAME.kubeconfig of a user with a certificate.
set -euo pipefail
what=$1 bin=$2 run=$3 port=${4:-16443} flags=("${@:5}")
etcd=$((port + 3)) peers=$((port + 4))
. "$(dirname "$0")/pki.sh"
. "$(dirname "$0")/process.sh"
. "$(dirname "$0")/versions.sh"

start_api() {
  local own
  mapfile -t own < <(flags_of kube-apiserver "$minor")
  # Records those that make and delete pods, with the annotations of the webhooks, and those that let somebody in.
  cat >"$run/audit-policy.yaml" <<'EOF'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - { level: Metadata, verbs: [create, delete], resources: [{ group: '', resources: [pods] }] }
  - { level: Request, verbs: [update, patch], resources: [{ group: '', resources: [pods/ephemeralcontainers] }] }
  - { level: Metadata, resources: [{ group: '', resources: [pods/exec, pods/attach, pods/portforward] }] }
  - { level: None }
EOF
  background apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:$etcd \
    --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port" --endpoint-reconciler-type=none \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate="$pki/kubelet-client.crt" \
    --kubelet-client-key="$pki/kubelet-client.key" --cert-dir="$run" \
    --service-account-issuer=https://kubernetes.default.svc --api-audiences=https://kubernetes.default.svc \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --audit-policy-file="$run/audit-policy.yaml" --audit-log-path="$run/audit.log" \
    --service-cluster-ip-range=10.96.0.0/16 "${own[@]}" "${flags[@]}"
  until_true 300 api_answers || die apiserver
}

api_answers() {
  alive apiserver || die apiserver 'it ended'
  curl -sf --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://127.0.0.1:$port/readyz" >/dev/null
}

case $what in start*) minor=$(minor_version) ;; esac
case $what in
start)
  rm -rf "$run/etcd" "$pki"
  mkdir -p "$run/etcd"
  chmod 700 "$run" "$run/etcd"
  new_authority
  certificate apiserver /CN=kube-apiserver serverAuth \
    IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  kubeconfig admin /O=system:masters/CN=admin
  kubeconfig controllers /CN=system:kube-controller-manager
  background etcd etcd --data-dir "$run/etcd" --unsafe-no-fsync --name test \
    --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
    --initial-cluster "test=http://127.0.0.1:$peers"
  start_api
  mapfile -t own < <(flags_of kube-controller-manager "$minor")
  background controllers "$bin/kube-controller-manager" --kubeconfig="$run/controllers.kubeconfig" \
    --authentication-kubeconfig="$run/controllers.kubeconfig" --authorization-kubeconfig="$run/controllers.kubeconfig" \
    --bind-address=127.0.0.1 --secure-port=$((port + 1)) "${own[@]}" --leader-elect=false --cert-dir="$run" \
    --use-service-account-credentials=true --service-account-private-key-file="$pki/sa.key" \
    --root-ca-file="$pki/ca.crt" --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key"
  has_account() { kubectl --kubeconfig "$run/admin.kubeconfig" -n default get serviceaccount default >/dev/null 2>&1; }
  until_true 200 has_account || die controllers
  ;;
# Only pods of a node need it.
start-scheduler)
  kubeconfig scheduler /CN=system:kube-scheduler
  mapfile -t own < <(flags_of kube-scheduler "$minor")
  background scheduler "$bin/kube-scheduler" --kubeconfig="$run/scheduler.kubeconfig" \
    --authentication-kubeconfig="$run/scheduler.kubeconfig" --authorization-kubeconfig="$run/scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --secure-port=$((port + 2)) "${own[@]}" --leader-elect=false --cert-dir="$run"
  ;;
# Nothing of their state is kept.
stop) for each in scheduler controllers apiserver etcd; do end "$each" KILL; done ;;
user) kubeconfig "${flags[0]}" "/CN=${flags[0]}" ;;
kill-api) end apiserver KILL ;;
start-api) start_api ;;
*) exit 64 ;;
esac
