/**
 * The one table of errors: code → exit code, HTTP status, hint. The CLI, the API and the tests refer
 * to errors by code only; messages are for people and may change.
 *
 * Messages: lower case, no full stop, input in backticks, causes joined by colons.
 */
export const errorTable = {
  CONFIG_INVALID: {
    exit: 3,
    status: 400,
    hint: 'run `snug config explain` to see where each value came from',
  },
  CONFIG_UNREADABLE: {
    exit: 3,
    status: 500,
    hint: 'check the path given with --config and its permissions',
  },
  CONFIG_NOT_LIVE: {
    exit: 3,
    status: 409,
    hint: 'restart the agent: these keys take effect only at its start',
  },
  RULES_INVALID: { exit: 3, status: 500, hint: 'check the file against profiles/*.schema.json' },
  EVENT_INVALID: { exit: 3, status: 400, hint: 'see docs/reference/event.md for the event format' },
  EVENT_TOO_LONG: {
    exit: 3,
    status: 413,
    hint: 'write one JSON object of at most 1 MiB on each line',
  },
  EVENT_FILE_CUT: {
    exit: 3,
    status: 400,
    hint: 'the file ends inside a line: copy it again once it is complete',
  },
  PROFILE_INVALID: {
    exit: 3,
    status: 400,
    hint: 'see docs/reference/profile.md for the profile format',
  },
  PROFILE_TOO_LARGE: {
    exit: 1,
    status: 409,
    hint: 'the profile exceeds the limits of the kernel, and a part of it would be wrong: see docs/adr/0006',
  },
  POLICY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'check the file against profiles/gate.schema.json or profiles/representative.schema.json',
  },
  NETWORK_POLICY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'pass the output of `kubectl get networkpolicy -A -o yaml`',
  },
  ADMISSION_INVALID: {
    exit: 3,
    status: 500,
    hint: 'see docs/reference/admission.md for the file format',
  },
  CONSOLE_INVALID: {
    exit: 3,
    status: 500,
    hint: 'see docs/reference/console.md for the file format',
  },
  CONSOLE_STARTING: {
    exit: 1,
    status: 503,
    hint: 'wait, and look at its log: it names what cannot be read',
  },
  ALERT_LOG_MISSING: {
    exit: 1,
    status: 404,
    hint: 'add `alerts` to the config of the console: see docs/console.md',
  },
  ALERT_LOG_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'check `alerts` in the config of the console, and the stream that it names',
  },
  GATE_RESULT_INVALID: {
    exit: 3,
    status: 400,
    hint: 'pass a file that `snug gate --write json=FILE` wrote',
  },
  REGO_FAILED: {
    exit: 1,
    status: 502,
    hint: 'see docs/rego.md for the input and the result of a Rego policy',
  },
  IMAGE_INVALID: {
    exit: 3,
    status: 400,
    hint: 'pass the output of `docker image inspect`, `docker save` or an OCI tool',
  },
  KEY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'use a PEM key, ECDSA over P-256 or Ed25519: `openssl genpkey -algorithm ed25519`',
  },
  TRUST_ROOT_INVALID: {
    exit: 3,
    status: 400,
    hint: 'pass a trusted root of Sigstore as JSON: see docs/attestation.md',
  },
  REGISTRY_FAILED: {
    exit: 1,
    status: 502,
    hint: 'check the name, `docker login`, and `--plain-http` for a registry without TLS',
  },
  ATTESTATION_MISSING: {
    exit: 2,
    status: 404,
    hint: 'push the image, then attach an attestation with `snug attest`',
  },
  ATTESTATION_INVALID: { exit: 2, status: 400, hint: 'see docs/attestation.md for the format' },
  SIGNER_UNKNOWN: {
    exit: 2,
    status: 403,
    hint: 'trust the key or the identity, or have a trusted one sign the profile',
  },
  CERTIFICATE_INVALID: {
    exit: 2,
    status: 403,
    hint: 'sign again, and check that the trusted root has the authority that certified the signer',
  },
  PROOF_INVALID: {
    exit: 2,
    status: 403,
    hint: 'sign again with an entry in the log that the trusted root names, or with a signed timestamp',
  },
  SIGNATURE_BROKEN: {
    exit: 2,
    status: 403,
    hint: 'do not use it; find out who changed it, then record and attest the profile again',
  },
  ATTESTATION_OF_ANOTHER: {
    exit: 2,
    status: 409,
    hint: 'attest a profile of exactly this image: another digest is another image',
  },
  ATTESTATION_EXPIRED: { exit: 2, status: 410, hint: 'record and attest the profile again' },
  COMMAND_FAILED: {
    exit: 1,
    status: 500,
    hint: 'fix the tests first: the profile can only be as good as the tests',
  },
  REPORT_INVALID: {
    exit: 3,
    status: 400,
    hint: 'pass a report of Trivy or Grype (JSON, SARIF), or an SBOM (CycloneDX or SPDX 2 as JSON)',
  },
  FRAMEWORK_UNKNOWN: {
    exit: 3,
    status: 400,
    hint: 'see docs/compliance.md for the frameworks',
  },
  SPAN_INVALID: {
    exit: 3,
    status: 400,
    hint: 'give --from and --to as times, or as durations before now, such as `30d` and `1h`',
  },
  REPORT_UNWRITABLE: { exit: 1, status: 500, hint: 'check the path and its permissions' },
  SOURCE_UNKNOWN: {
    exit: 3,
    status: 400,
    hint: 'known sources: ebpf, file:PATH, falco:PATH, tetragon:PATH, tracee:PATH, kubearmor:PATH, audit:PATH, listen:ADDRESS, module:PATH: see docs/sources.md',
  },
  SOURCE_UNREADABLE: { exit: 1, status: 500, hint: 'check that the path exists and can be read' },
  COST_UNMEASURED: {
    exit: 1,
    status: 409,
    hint: 'the kernel measures programs for a process with CAP_SYS_ADMIN, or while the sysctl kernel.bpf_stats_enabled is 1',
  },
  SENSOR_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'run `snug doctor` to see what this host lacks',
  },
  NOT_CONFIRMED: { exit: 1, status: 400, hint: 'answer `y`, or give `--yes`' },
  JOB_UNKNOWN: {
    exit: 64,
    status: 400,
    hint: 'name the job with `--job NAME`, or with `--as NAME` where no CI names it',
  },
  JOB_UNWATCHED: {
    exit: 1,
    status: 503,
    hint: 'run the job as root on the host or in a virtual machine: see docs/ci-jobs.md',
  },
  JOB_UNBLOCKED: {
    exit: 1,
    status: 503,
    hint: 'use `--mode audit` on this host; `snug doctor` shows what it can stop',
  },
  DETACH_REFUSED: {
    exit: 1,
    status: 409,
    hint: 'stop the agent that uses the folder `kernelState` first',
  },
  SENSOR_PROTOCOL: {
    exit: 1,
    status: 503,
    hint: 'sensor and daemon come from different builds: run `make build`',
  },
  SENSOR_DIED: {
    exit: 1,
    status: 503,
    hint: 'the daemon restarts the sensor; see the log for its last output',
  },
  ENGINE_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'check that Docker is running; the agent reconnects by itself',
  },
  NRI_PROTOCOL: {
    exit: 1,
    status: 502,
    hint: 'the socket of `engines.kubernetes.nri` must be that of the runtime’s Node Resource Interface',
  },
  NRI_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'see the log of the container runtime, and docs/kubernetes.md for the versions that have NRI',
  },
  KUBE_ACCESS: {
    exit: 3,
    status: 500,
    hint: 'set `engines.kubernetes.access` to `pod`, `none`, or the path of a kubeconfig: see docs/kubernetes.md',
  },
  KUBE_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'the agent continues with its current data and catches up once the API server answers',
  },
  KUBE_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'grant the agent the rights in deploy/kubernetes/base/rbac.yaml',
  },
  KUBE_OBJECT_INVALID: {
    exit: 1,
    status: 502,
    hint: 'the agent ignores the object: repair or delete it, and find out who wrote it',
  },
  FLEET_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'check `fleet` in the config, the server and the bucket; the agent continues with its current data and catches up',
  },
  FLEET_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'give this user of NATS the rights in docs/fleet.md, and the bucket enough space',
  },
  FLEET_TOO_LARGE: {
    exit: 1,
    status: 413,
    hint: 'raise `max_payload` of the NATS server; the other behaviours are shared',
  },
  FLEET_CONFLICT: {
    exit: 1,
    status: 409,
    hint: 'the agent tries again on the new state; at the console, read the image again and decide',
  },
  FLEET_NODE_TWICE: {
    exit: 1,
    status: 409,
    hint: 'set `node` in the config of each host to another name, and start the agents again',
  },
  FLEET_VALUE_INVALID: {
    exit: 1,
    status: 502,
    hint: 'the agent ignores the value: delete it with `nats kv del`, and find out who wrote it',
  },
  KUBECONFIG_INVALID: {
    exit: 3,
    status: 400,
    hint: 'name a file with --kubeconfig or KUBECONFIG, and a context of it with --context',
  },
  CLUSTER_UNREACHABLE: {
    exit: 1,
    status: 503,
    hint: 'check the context with `kubectl cluster-info`',
  },
  CLUSTER_FORBIDDEN: {
    exit: 1,
    status: 403,
    hint: 'ask for the rights that docs/kubernetes.md lists for `kubectl snug`',
  },
  FLEET_MISSING: {
    exit: 1,
    status: 404,
    hint: 'install Snug in this cluster: see docs/kubernetes.md',
  },
  PROFILE_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `kubectl snug images` to see the profiles and their names',
  },
  PROFILE_AMBIGUOUS: {
    exit: 1,
    status: 409,
    hint: 'name one profile as `kubectl snug images` lists it, or add --namespace',
  },
  PROFILE_OF_GIT: {
    exit: 1,
    status: 409,
    hint: 'change the object in its repository, or its `spec.authority`',
  },
  POD_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'check the name and --namespace with `kubectl get pods`',
  },
  NAMESPACE_UNKNOWN: { exit: 1, status: 404, hint: 'run `kubectl get namespaces`' },
  AGENT_POD_MISSING: {
    exit: 1,
    status: 404,
    hint: "name the namespace of Snug's DaemonSet with --snug-namespace; see `kubectl snug status`",
  },
  AGENT_POD_FAILED: {
    exit: 1,
    status: 502,
    hint: 'see `kubectl logs` of the pod of the agent',
  },
  STORE_LOCKED: {
    exit: 1,
    status: 503,
    hint: 'another agent uses this data directory: stop it or choose another with --data',
  },
  STORE_NEWER: {
    exit: 1,
    status: 500,
    hint: 'a later release wrote the data directory: install that release, or name another with --data',
  },
  STORE_DAMAGED: {
    exit: 1,
    status: 500,
    hint: 'the agent set the damaged store aside; see `snug status` for the records that remain',
  },
  STORE_FAILED: {
    exit: 1,
    status: 500,
    hint: 'check free space and permissions of the data directory',
  },
  AGENT_UNREACHABLE: {
    exit: 1,
    status: 503,
    hint: 'check that `snug agent` is running; name its socket with --socket or SNUG_SOCKET',
  },
  START_UNJUDGED: {
    exit: 1,
    status: 409,
    hint: 'the container may start: until the kernel judges it, nothing is refused in it, on record',
  },
  START_REFUSED: {
    exit: 1,
    status: 409,
    hint: 'the container must not start, as `block.failClosed` is set: start it again',
  },
  AGENT_RUNNING: {
    exit: 1,
    status: 409,
    hint: 'stop the agent that listens on this socket, or choose another socket',
  },
  LISTEN_FAILED: {
    exit: 1,
    status: 500,
    hint: 'choose another address with `--listen HOST:PORT` or `none`, or in the source `listen:…`',
  },
  UNAUTHENTICATED: {
    exit: 1,
    status: 401,
    hint: 'send `Authorization: Bearer TOKEN`; create a token on the node with `snug token create NAME ROLE`',
  },
  TOO_MANY_ATTEMPTS: {
    exit: 1,
    status: 429,
    hint: 'this address sent too many wrong credentials: wait for the time in `Retry-After`',
  },
  OIDC_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'check that this node can reach `oidc.jwks`; tokens of Snug work without it',
  },
  SIGN_IN_UNKNOWN: {
    exit: 1,
    status: 401,
    hint: 'sign in again, in one browser and within ten minutes, with cookies allowed',
  },
  SIGN_IN_REFUSED: {
    exit: 1,
    status: 401,
    hint: 'sign in again; if that fails, compare `signIn` with the client at the issuer',
  },
  SIGN_IN_TOKEN_INVALID: {
    exit: 1,
    status: 401,
    hint: 'compare `oidc` and `signIn` with the issuer, and the clocks of both',
  },
  SIGN_IN_TARGET_INVALID: {
    exit: 1,
    status: 400,
    hint: 'a sign-in leads back to a place of the page only: `to=%23/images`',
  },
  REQUEST_SLOW: { exit: 1, status: 408, hint: 'send the whole request within a few seconds' },
  REQUEST_INVALID: { exit: 1, status: 400, hint: 'send a valid HTTP/1.1 request' },
  FRONT_FAILED: {
    exit: 1,
    status: 502,
    hint: 'the agent restarts the gateway; `snug status` shows the reason',
  },
  FORBIDDEN: { exit: 1, status: 403, hint: 'use a credential whose role has more rights' },
  UNDO_REFUSED: {
    exit: 1,
    status: 409,
    hint: 'see `snug audit list` for later decisions, then make a new decision',
  },
  REVISION_STALE: {
    exit: 1,
    status: 412,
    hint: 'the object changed after you read it: read it again, then decide',
  },
  REVISION_MISSING: {
    exit: 1,
    status: 428,
    hint: 'GET the object first, then send its `ETag` as `If-Match`',
  },
  ROUTE_UNKNOWN: { exit: 1, status: 404, hint: 'see GET /openapi.json for the routes' },
  BODY_INVALID: { exit: 3, status: 400, hint: 'see GET /openapi.json for the format of each body' },
  BODY_TOO_LARGE: { exit: 3, status: 413, hint: 'send a smaller body' },
  IMAGE_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug image list` to see the observed images',
  },
  IMAGE_AMBIGUOUS: {
    exit: 1,
    status: 409,
    hint: 'name one version: repository@sha256:…, or repository#scope:tag',
  },
  BEHAVIOUR_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug profile show IMAGE` to see behaviours and their ids',
  },
  CARD_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'the agent listed no such card since its start: run `snug profile review` to see the cards',
  },
  CARD_DECIDED: {
    exit: 1,
    status: 409,
    hint: 'run `snug profile review` to see the cards that wait',
  },
  EVIDENCE_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug profile show IMAGE -o json` to see the containers and sessions of each behaviour',
  },
  ALERT_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug alert list` to see alerts and their ids',
  },
  INCIDENT_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug incident list` to see incidents and their ids',
  },
  PERSON_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'the console has persons of the alerts in memory: search the alerts for older ones',
  },
  SINK_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug sink list` to see the sinks and their names',
  },
  SINK_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'the agent keeps the alerts and retries; `snug sink list` shows their number and the last answer',
  },
  REMOVE_REFUSED: {
    exit: 1,
    status: 409,
    hint: 'see the message for the condition; `snug image show IMAGE` lists containers and modes',
  },
  CONTAINER_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: '`snug image show IMAGE` lists containers; name one by its name or the beginning of its id',
  },
  CASE_UNKNOWN: { exit: 1, status: 404, hint: '`snug case list` shows what there is' },
  CASE_UNAVAILABLE: { exit: 1, status: 409, hint: 'set `data` to a folder' },
  CASE_FAILED: { exit: 1, status: 500, hint: 'check the disk of `data`; nothing else is affected' },
  CASE_DAMAGED: {
    exit: 1,
    status: 500,
    hint: 'the audit log has the digest of the case as it was written: `snug audit list`',
  },
  HOLD_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: '`snug quarantine list` shows what is held; `snug image show IMAGE` lists containers',
  },
  HOLD_AMBIGUOUS: { exit: 1, status: 409, hint: 'name the container by its id' },
  HOLD_UNAVAILABLE: {
    exit: 1,
    status: 409,
    hint: 'choose another level; `snug doctor` shows what this host can stop',
  },
  MODE_BLIND: {
    exit: 1,
    status: 409,
    hint: 'run these containers on a runtime that uses the kernel of the host; `snug image show IMAGE` lists them',
  },
  MODE_REFUSED: { exit: 1, status: 409, hint: 'see the message for the missing condition' },
  DECISION_INVALID: {
    exit: 3,
    status: 400,
    hint: 'see `--help` of the command for the possible decisions',
  },
  USAGE: { exit: 64, status: 400, hint: 'run with --help' },
  INTERNAL: {
    exit: 1,
    status: 500,
    hint: 'this is a fault of Snug: report it with the log',
  },
} as const satisfies Record<string, { exit: 0 | 1 | 2 | 3 | 64; status: number; hint: string }>

export type ErrorCode = keyof typeof errorTable

/** An error with a code from {@link errorTable}. Any other thrown error is a fault of Snug. */
export class SnugError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SnugError'
    this.code = code
  }

  get exit(): number {
    return errorTable[this.code].exit
  }

  get status(): number {
    return errorTable[this.code].status
  }

  get hint(): string {
    return errorTable[this.code].hint
  }
}

/** The message of anything thrown, with its causes joined by colons. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let current: unknown = error
  while (current !== undefined && parts.length < 8) {
    parts.push(current instanceof Error ? current.message : textOf(current))
    current = current instanceof Error ? current.cause : undefined
  }
  return parts.join(': ')
}

function textOf(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? typeof thrown)
}
