# What servers of Kubernetes 1.20 to 1.36 take, by the second number of their version. Sourced; needs $bin and $socket.

minor_version() {
  local minor
  minor=$("$bin/kube-apiserver" --version | sed -nE 's/^Kubernetes v1\.([0-9]+)\..*/\1/p')
  [ "${minor:-0}" -ge 20 ] || {
    echo "$bin/kube-apiserver is no Kubernetes from 1.20 on" >&2
    return 1
  }
  echo "$minor"
}

# flags_of SERVER MINOR: flags that only some versions take or need, one in a line.
flags_of() {
  case $1 in
  # Ephemeral containers are on by themselves from 1.23 on, and their gate is gone since.
  kube-apiserver) [ "$2" -ge 23 ] || echo --feature-gates=EphemeralContainers=true ;;
  # The port without TLS: closed from 1.23 on, and its flag is gone since.
  kube-controller-manager | kube-scheduler) [ "$2" -ge 23 ] || echo --port=0 ;;
  kubelet)
    # The only kind of runtime from 1.24 on, and its flag is gone since.
    [ "$2" -ge 24 ] || echo --container-runtime=remote
    # From 1.27 on in its configuration.
    [ "$2" -ge 27 ] || echo "--container-runtime-endpoint=unix://$socket"
    ;;
  esac
}

# kubelet_config_of MINOR: what only some versions take or need of its configuration, as YAML.
kubelet_config_of() {
  [ "$1" -ge 23 ] || echo 'featureGates: {EphemeralContainers: true}'
  [ "$1" -lt 27 ] || echo "containerRuntimeEndpoint: unix://$socket"
  # From 1.35 on a kubelet refuses a host with cgroups of version 1, also beside version 2.
  [ "$1" -lt 35 ] || echo 'failCgroupV1: false'
}
