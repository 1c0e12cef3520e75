/**
 * The one table of errors: code → exit code, HTTP status, hint. The CLI, the API and the tests speak
 * of errors by code only; messages are for people and may change.
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
    hint: 'restart the agent: a running one cannot change these keys',
  },
  RULES_INVALID: { exit: 3, status: 500, hint: 'check the file against profiles/*.schema.json' },
  EVENT_INVALID: { exit: 3, status: 400, hint: 'see docs/reference/event.md for the event format' },
  EVENT_TOO_LONG: {
    exit: 3,
    status: 413,
    hint: 'a line of events holds one JSON object of at most 1 MiB',
  },
  EVENT_FILE_CUT: {
    exit: 3,
    status: 400,
    hint: 'the file ends inside a line: it was cut while being written',
  },
  PROFILE_INVALID: {
    exit: 3,
    status: 400,
    hint: 'see docs/reference/profile.md for the profile format',
  },
  PROFILE_TOO_LARGE: {
    exit: 1,
    status: 409,
    hint: 'the kernel cannot hold it, and cut off it would be wrong: see docs/adr/0006',
  },
  POLICY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'check the file against profiles/gate.schema.json',
  },
  NETWORK_POLICY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'give what `kubectl get networkpolicy -A -o yaml` prints',
  },
  ADMISSION_INVALID: {
    exit: 3,
    status: 500,
    hint: 'see docs/reference/admission.md for what is in the file',
  },
  GATE_RESULT_INVALID: {
    exit: 3,
    status: 400,
    hint: 'give what `snug gate --write json=FILE` wrote',
  },
  REGO_FAILED: {
    exit: 1,
    status: 502,
    hint: 'see docs/rego.md for what a policy in Rego is given and what it has to say',
  },
  IMAGE_INVALID: {
    exit: 3,
    status: 400,
    hint: 'give what `docker image inspect`, `docker save` or an OCI tool wrote',
  },
  KEY_INVALID: {
    exit: 3,
    status: 400,
    hint: 'keys are PEM files, ECDSA over P-256 or Ed25519: `openssl genpkey -algorithm ed25519`',
  },
  REGISTRY_FAILED: {
    exit: 1,
    status: 502,
    hint: 'check the name, `docker login`, and `--plain-http` for a registry without TLS',
  },
  ATTESTATION_MISSING: {
    exit: 2,
    status: 404,
    hint: 'attach one with `snug attest`, once the image is pushed',
  },
  ATTESTATION_INVALID: { exit: 2, status: 400, hint: 'see docs/attestation.md for what is in it' },
  SIGNER_UNKNOWN: {
    exit: 2,
    status: 403,
    hint: 'trust its key, or sign the profile with a key that is trusted',
  },
  SIGNATURE_BROKEN: {
    exit: 2,
    status: 403,
    hint: 'do not use it, and find out who changed it: record and attest the profile anew',
  },
  ATTESTATION_OF_ANOTHER: {
    exit: 2,
    status: 409,
    hint: 'attest a profile of this very image: another digest is another image',
  },
  ATTESTATION_EXPIRED: { exit: 2, status: 410, hint: 'record and attest the profile anew' },
  COMMAND_FAILED: {
    exit: 1,
    status: 500,
    hint: 'a profile is only as good as the tests that it was recorded under: mend these first',
  },
  REPORT_INVALID: {
    exit: 3,
    status: 400,
    hint: 'Trivy and Grype as JSON or SARIF, CycloneDX and SPDX 2 as JSON are read',
  },
  REPORT_UNWRITABLE: { exit: 1, status: 500, hint: 'check the path and its permissions' },
  SOURCE_UNKNOWN: {
    exit: 3,
    status: 400,
    hint: 'known sources: ebpf, file:PATH, falco:PATH, tetragon:PATH, tracee:PATH, kubearmor:PATH, audit:PATH, listen:ADDRESS, module:PATH: see docs/sources.md',
  },
  SOURCE_UNREADABLE: { exit: 1, status: 500, hint: 'check that the path exists and can be read' },
  SENSOR_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'run `snug doctor` to see what this host lacks',
  },
  DETACH_REFUSED: {
    exit: 1,
    status: 409,
    hint: 'stop the agent that runs there first; `kernelState` names the folder',
  },
  SENSOR_PROTOCOL: {
    exit: 1,
    status: 503,
    hint: 'sensor and daemon are of different builds: run `make build`',
  },
  SENSOR_DIED: {
    exit: 1,
    status: 503,
    hint: 'the daemon starts it again; see the log for its last words',
  },
  ENGINE_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'is Docker running? identity heals by itself once it is back',
  },
  KUBE_ACCESS: {
    exit: 3,
    status: 500,
    hint: '`engines.kubernetes.access` is `pod`, `none`, or the path of a kubeconfig: see docs/kubernetes.md',
  },
  KUBE_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'the agent goes on with what it knows, and catches up once the API server answers',
  },
  KUBE_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'the rights that the agent needs are in deploy/kubernetes/base/rbac.yaml',
  },
  STORE_LOCKED: {
    exit: 1,
    status: 503,
    hint: 'another agent uses this data directory: stop it or choose another with --data',
  },
  STORE_DAMAGED: {
    exit: 1,
    status: 500,
    hint: 'the damaged store was set aside; see `snug status` for what was kept',
  },
  STORE_FAILED: {
    exit: 1,
    status: 500,
    hint: 'check free space and permissions of the data directory',
  },
  AGENT_UNREACHABLE: {
    exit: 1,
    status: 503,
    hint: 'is `snug agent` running? name its socket with --socket or SNUG_SOCKET',
  },
  AGENT_RUNNING: { exit: 1, status: 409, hint: 'an agent already listens on this socket' },
  LISTEN_FAILED: {
    exit: 1,
    status: 500,
    hint: 'choose another address: `--listen HOST:PORT` or `none`, or that of the source `listen:…`',
  },
  UNAUTHENTICATED: {
    exit: 1,
    status: 401,
    hint: 'send `Authorization: Bearer TOKEN`; on the node `snug token create NAME ROLE` makes one',
  },
  TOO_MANY_ATTEMPTS: {
    exit: 1,
    status: 429,
    hint: 'too many wrong credentials came from this address: wait as long as `Retry-After` says',
  },
  OIDC_UNAVAILABLE: {
    exit: 1,
    status: 503,
    hint: 'is `oidc.jwks` reached from this node? tokens of Snug itself work without it',
  },
  REQUEST_SLOW: { exit: 1, status: 408, hint: 'send a request within seconds' },
  REQUEST_INVALID: { exit: 1, status: 400, hint: 'this is not HTTP as it is spoken here' },
  FRONT_FAILED: {
    exit: 1,
    status: 502,
    hint: 'the agent starts its front again; `snug status` says what is wrong with it',
  },
  FORBIDDEN: { exit: 1, status: 403, hint: 'this needs a role with more rights' },
  UNDO_REFUSED: {
    exit: 1,
    status: 409,
    hint: '`snug audit list` shows what was decided since; decide anew on what stands',
  },
  REVISION_STALE: {
    exit: 1,
    status: 412,
    hint: 'somebody decided meanwhile, or it moved on: look at it again, then decide',
  },
  REVISION_MISSING: {
    exit: 1,
    status: 428,
    hint: 'GET what is decided on, and send its `ETag` as `If-Match`',
  },
  ROUTE_UNKNOWN: { exit: 1, status: 404, hint: 'GET /openapi.json lists the routes' },
  BODY_INVALID: { exit: 3, status: 400, hint: 'GET /openapi.json describes each body' },
  BODY_TOO_LARGE: { exit: 3, status: 413, hint: 'send less at once' },
  IMAGE_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug image list` to see the images that were observed',
  },
  IMAGE_AMBIGUOUS: { exit: 1, status: 409, hint: 'name one version as repository@sha256:…' },
  BEHAVIOUR_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug profile show IMAGE` to see behaviours and their ids',
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
  SINK_UNKNOWN: {
    exit: 1,
    status: 404,
    hint: 'run `snug sink list` to see the sinks and their names',
  },
  SINK_REFUSED: {
    exit: 1,
    status: 502,
    hint: 'alerts wait and are sent again; `snug sink list` shows how many and what was answered',
  },
  MODE_REFUSED: { exit: 1, status: 409, hint: 'see the message for what has to happen first' },
  DECISION_INVALID: {
    exit: 3,
    status: 400,
    hint: 'see `--help` of the command for what can be decided',
  },
  USAGE: { exit: 64, status: 400, hint: 'run with --help' },
  INTERNAL: {
    exit: 1,
    status: 500,
    hint: 'this is a fault of Snug: please report it with the log',
  },
} as const satisfies Record<string, { exit: 0 | 1 | 2 | 3 | 64; status: number; hint: string }>

export type ErrorCode = keyof typeof errorTable

/** An error with a code from {@link errorTable}; what is not one of these is a fault of ours. */
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
