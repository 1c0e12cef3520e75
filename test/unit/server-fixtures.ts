import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair, Writable } from 'node:stream'
import { loadConfig } from '../../src/config/load-config.ts'
import { describeError, SnugError } from '../../src/errors.ts'
import type { Alert } from '../../src/event/alert.ts'
import type { SnugEvent } from '../../src/event/event.ts'
import type { ExportFormat } from '../../src/export/export-profile.ts'
import type {
  AlertQuery,
  ApproveOptions,
  AttackRow,
  AuditCheckView,
  CanaryChoice,
  Decider,
  EditTestResult,
  Engine,
  ForgetChoice,
  EventQuery,
  LiveQuery,
  ProfileEdit,
  ProfileExport,
  ProfileRange,
  UndoResult,
} from '../../src/flow/engine.ts'
import type {
  BackTestResult,
  BehaviourView,
  BlockingView,
  LineageView,
  Mode,
  ProfileDiff,
  ReplayResult,
  StateNews,
  StatusView,
  StopView,
  VersionView,
} from '../../src/flow/engine-views.ts'
import type { KeptScan } from '../../src/scan/kept-scan.ts'
import { alertFilter } from '../../src/respond/alert-filter.ts'
import { liveAsk } from '../../src/flow/live-filter.ts'
import { LiveLog, type LiveReader } from '../../src/flow/live-log.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import type { SinkDesk } from '../../src/flow/sink-desk.ts'
import { type FrontLimits, runFront } from '../../src/front/front.ts'
import type { PageFiles } from '../../src/front/page-files.ts'
import type { OpenedFront } from '../../src/server/front-keeper.ts'
import { createLog, type Log } from '../../src/telemetry/log.ts'
import { samplePage } from './page-samples.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'

const time = '2026-11-24T13:40:27.123456Z'
export const digestA = `sha256:${'a1'.repeat(32)}`
export const digestB = `sha256:${'b2'.repeat(32)}`
const containerId = '40e58b946edd'.padEnd(64, '0')

export const sampleEvent: SnugEvent = {
  v: 1,
  time,
  node: 'n1',
  source: 'ebpf',
  kind: 'exec',
  container: { id: containerId, name: 'web-1' },
  image: { repository: 'registry.local/shop/web', tag: '1.4', digest: digestA },
  process: { pid: 812, exe: '/usr/sbin/nginx', uid: 101, origin: 'entrypoint' },
  exec: { path: '/bin/sh', drift: false },
}

export function sampleAlert(id: string, change: Partial<Alert> = {}): Alert {
  return {
    schema: 'snug.alert/v1',
    id,
    time,
    node: 'n1',
    severity: 'high',
    type: 'deviation',
    action: 'alerted',
    reasons: ['`/usr/sbin/nginx` never ran `/bin/sh`'],
    nearest: null,
    behaviour: { id: 'b-1', kind: 'exec', object: '/bin/sh', text: 'run /bin/sh' },
    image: { repository: 'registry.local/shop/web', tag: '1.4', digest: digestA },
    container: { id: containerId, name: 'web-1' },
    process: { pid: 812, exe: '/usr/sbin/nginx', uid: 101, origin: 'entrypoint' },
    event: sampleEvent,
    count: 3,
    firstSeen: time,
    lastSeen: time,
    mode: 'alert',
    guardrails: ['shell-on-socket'],
    attack: ['T1059.004'],
    ...change,
  }
}

function versionOf(digest: string, tag: string): VersionView {
  return {
    image: { repository: 'registry.local/shop/web', tag, digest },
    tags: [tag],
    state: 'learning',
    mode: 'learn',
    firstSeen: time,
    lastSeen: time,
    behaviours: 12,
    pending: 1,
    containers: { running: 2, seen: 38, before: 0 },
    coverage: {
      units: 38,
      unitKind: 'containers',
      singletons: 0,
      unseen: 0,
      bound: 0.07,
      sentence: '38 container runs: the next one does something new with a chance of at most 7 %',
    },
    losses: [],
    because: 'the bound of 7 % is above 1 %',
    notes: [],
    revision: 'r1',
  }
}

function blockingOf(fraction: number): BlockingView {
  return {
    armed: true,
    since: time,
    ...(fraction < 1 ? { canary: { fraction, until: time } } : {}),
    containers: [
      { id: containerId, name: 'web-1', enforced: true },
      { id: 'c2'.padEnd(64, '0'), enforced: fraction >= 1 },
    ],
  }
}

export function sampleBehaviour(id: string, text: string): BehaviourView {
  return {
    id,
    actor: { exe: '/usr/sbin/nginx' },
    uid: 101,
    kind: 'file',
    object: '/etc/nginx/nginx.conf',
    text,
    state: 'learned',
    why: 'seen in 38 containers',
    generalised: false,
    witnesses: [],
    origins: ['entrypoint'],
    count: 40,
    containers: [containerId],
    sessions: [],
    nodes: ['n1'],
    sources: ['ebpf'],
    firstSeen: time,
    lastSeen: time,
    inherited: false,
    guardrails: [],
  }
}

const deciding = new Set([
  'setMode',
  'breakGlass',
  'endBreakGlass',
  'approve',
  'reject',
  'withdraw',
  'forget',
  'endLearning',
  'allowAlert',
  'rejectAlert',
  'ackAlert',
  'withdrawAlert',
])

/** The facade of the daemon, kept in memory; it writes down what was asked of it. */
export class MemoryEngine implements Engine {
  readonly liveEventLog = new LiveLog<SnugEvent>({ capacity: 16, first: 1 })
  readonly news = new LiveLog<Alert | StateNews>({ capacity: 16, first: 1 })
  readonly calls: { readonly name: string; readonly args: readonly unknown[] }[] = []
  state: StatusView['state'] = 'running'
  /** Why mode block is refused. */
  refuses: string | undefined = 'it is learning, not enforced'
  stops: readonly StopView[] = []
  sensor: Pick<StatusView['sources'][number], 'state' | 'reason'> = { state: 'running' }
  degraded: readonly string[] = []
  attacks: readonly AttackRow[] = []
  auditCheck: AuditCheckView = { ok: true, entries: 1, head: '0'.repeat(64), faults: [] }
  /** Numbers of the entries, newest first. */
  audited: readonly number[] = [1]
  replayResult: Partial<ReplayResult> = {}
  backTestResult: Partial<BackTestResult> = {}
  behaviours: readonly BehaviourView[] = [sampleBehaviour('b-7', 'read /etc/nginx/nginx.conf')]
  /** Rises with each decision, as the engine's own does. */
  revisions = 1
  kept: readonly Alert[] = [sampleAlert('01-a'), sampleAlert('02-b', { severity: 'low' })]
  /** Resolves with the bytes of an upload once its first chunk is here. */
  onChunk: (bytes: number) => void = () => undefined
  readonly page = samplePage(
    () => this.kept,
    (id) => this.alert(id),
    () => this.behaviours,
  )
  #versions = [versionOf(digestA, '1.4'), versionOf(digestB, '1.5')]

  exportProfile(ref: string, format: ExportFormat): ProfileExport {
    this.calls.push({ name: 'exportProfile', args: [ref, format] })
    const image = { repository: 'registry.local/shop/web', digest: digestA }
    return { image, format, text: `# ${format}\n`, notes: ['it holds less'] }
  }

  async importProfile(chunks: AsyncIterable<Uint8Array>, by: Decider): Promise<VersionView> {
    let bytes = 0
    for await (const chunk of chunks) bytes += chunk.byteLength
    this.calls.push({ name: 'importProfile', args: [bytes, by] })
    return versionOf(digestA, '1.4')
  }

  async keepScan(ref: string, scan: KeptScan, by: Decider): Promise<VersionView> {
    this.calls.push({ name: 'keepScan', args: [ref, scan, by] })
    const told = { ...this.#version(ref), scan: { ...scan, at: time, by: by.who } }
    this.#versions = this.#versions.map((one) =>
      one.image.digest === told.image.digest ? told : one,
    )
    return told
  }

  status(): StatusView {
    return {
      version: '0.1.0',
      node: 'n1',
      pid: 4242,
      startedAt: time,
      state: this.state,
      degraded: this.degraded,
      sources: [
        {
          name: 'ebpf',
          ...this.sensor,
          received: 100,
          lost: { 'ring-full': 2 },
          facts: { hooks: 'tracepoints' },
        },
      ],
      engines: [{ name: 'docker', state: 'running' }],
      containers: { watched: 2, unresolved: 0, before: 0 },
      versions: { learning: 2, review: 0, enforced: 0, incomplete: 0 },
      alerts: { open: this.kept.length, total: this.kept.length },
      losses: [{ reason: 'ring-full', count: 2, from: time, to: time }],
      counters: { judged: 100 },
      stops: this.stops,
      crossChecks: [],
    }
  }

  images(): readonly LineageView[] {
    return [{ repository: 'registry.local/shop/web', versions: this.#versions }]
  }

  image(ref: string): LineageView {
    this.#version(ref)
    return { repository: 'registry.local/shop/web', versions: this.#versions }
  }

  revision(ref: string): string {
    this.#version(ref)
    return `${this.revisions}`
  }

  profile(ref: string, { after = '', limit = Infinity }: ProfileRange = {}) {
    const rest = this.behaviours.filter(({ id }) => id > after)
    return { version: this.#version(ref), behaviours: rest.slice(0, limit) }
  }

  diff(a: string, b: string): ProfileDiff {
    const row = {
      id: 'b-9',
      text: 'run /bin/new',
      actor: '/usr/sbin/nginx',
      uid: 101,
      kind: 'exec',
    }
    return {
      from: this.#version(a).image,
      to: this.#version(b).image,
      added: [row],
      removed: [],
      unchanged: 12,
    }
  }

  async setMode(ref: string, mode: Mode, by: Decider, canary: CanaryChoice = {}) {
    this.#call('setMode', ref, mode, by, canary)
    if (mode === 'block' && this.refuses !== undefined) {
      throw new SnugError('MODE_REFUSED', this.refuses)
    }
    const { fraction = 0.1 } = canary
    const version = { ...this.#version(ref), mode }
    return mode === 'block' ? { ...version, blocking: blockingOf(fraction) } : version
  }

  async breakGlass(ref: string, forMs: number, by: Decider) {
    this.#call('breakGlass', ref, forMs, by)
    const breakGlass = { until: time, by: by.who, reason: by.reason ?? '' }
    const blocking = { ...blockingOf(1), armed: false, breakGlass }
    return [{ ...this.#version(ref), mode: 'block' as const, blocking }]
  }

  async endBreakGlass(ref: string, by: Decider) {
    this.#call('endBreakGlass', ref, by)
    return [{ ...this.#version(ref), mode: 'block' as const, blocking: blockingOf(1) }]
  }

  async approve(
    ref: string,
    behaviours: readonly string[] | undefined,
    by: Decider,
    options: ApproveOptions = {},
  ) {
    this.#call('approve', ref, behaviours, by, ...(options.quarantined === true ? [options] : []))
    return { decided: behaviours ?? ['b-7'], quarantined: 1, version: this.#version(ref) }
  }

  async reject(ref: string, behaviours: readonly string[], by: Decider) {
    this.#call('reject', ref, behaviours, by)
    return { decided: behaviours, quarantined: 0, version: this.#version(ref) }
  }

  async withdraw(ref: string, behaviours: readonly string[], by: Decider) {
    this.#call('withdraw', ref, behaviours, by)
    return { decided: behaviours, quarantined: 0, version: this.#version(ref) }
  }

  async forget(ref: string, choice: ForgetChoice, by: Decider) {
    this.#call('forget', ref, choice, by)
    const gone = [{ id: 'b-9', actor: '/bin/sh', uid: 0, text: 'run /bin/ls' }]
    const version = this.#version(ref)
    return { gone, lessened: ['b-7'], acts: 3, from: time, to: time, version }
  }

  async incident(ref: string, session: string, by: Decider) {
    const { gone, ...rest } = await this.forget(ref, { session }, by)
    return { ...rest, gone: [], rejected: gone, alerts: ['01-a'] }
  }

  async testEdit(ref: string, edit: ProfileEdit): Promise<EditTestResult> {
    this.#call('testEdit', ref, edit)
    const row = { id: 'b-9', actor: '/bin/sh', uid: 0, text: 'run /bin/ls' }
    const rates = { allowed: 12, patterns: 1, attacks: 0 }
    return {
      judged: 12,
      fires: [{ ...row, origin: 'entrypoint', count: 3 }],
      quiets: [],
      still: 2,
      permissive: { before: rates, after: { ...rates, attacks: this.attacks.length } },
      attacks: this.attacks,
      attacksTried: 22,
    }
  }

  async audit(limit: number, before = Infinity) {
    const previous = '0'.repeat(64)
    const entry = { time, what: 'approve', who: 'cli:root', previous, reason: 'seen' }
    return this.audited
      .filter((seq) => seq < before)
      .slice(0, limit)
      .map((seq) => ({ ...entry, seq }))
  }

  async undo(seq: number, by: Decider): Promise<UndoResult> {
    this.#call('undo', seq, by)
    return { undone: seq, what: 'approve', image: 'registry.local/shop/web', behaviours: ['b-7'] }
  }

  async verifyAudit(): Promise<AuditCheckView> {
    return this.auditCheck
  }

  async record(what: string, by: Decider, fields: object) {
    this.#call('record', what, by, fields)
  }

  async endLearning(ref: string, by: Decider) {
    this.#call('endLearning', ref, by)
    return this.#version(ref)
  }

  alerts({ limit, ...query }: AlertQuery) {
    this.#call('alerts', { limit, ...query })
    return this.kept.filter(alertFilter(query)).slice(0, limit)
  }

  alertRevision(id: string): string {
    this.alert(id)
    return `${this.revisions}`
  }

  alert(id: string): Alert {
    const found = this.kept.find((alert) => alert.id === id)
    if (found === undefined) throw new SnugError('ALERT_UNKNOWN', `no alert \`${id}\``)
    return found
  }

  async allowAlert(id: string, scope: object, by: Decider) {
    this.#call('allowAlert', id, scope, by)
    return this.alert(id)
  }

  async rejectAlert(id: string, by: Decider) {
    this.#call('rejectAlert', id, by)
    return this.alert(id)
  }

  async withdrawAlert(id: string, by: Decider) {
    this.#call('withdrawAlert', id, by)
    return this.alert(id)
  }

  async ackAlert(id: string, reason: string, by: Decider) {
    this.#call('ackAlert', id, reason, by)
    return this.alert(id)
  }

  fault(what: string, message: string | undefined): void {
    const others = this.degraded.filter((each) => !each.startsWith(`${what}: `))
    this.degraded = message === undefined ? others : [...others, `${what}: ${message}`]
  }

  liveEvents(query: LiveQuery): LiveReader<SnugEvent> {
    this.#call('liveEvents', query)
    return this.liveEventLog.subscribe(liveAsk(query))
  }

  liveNews(query: LiveQuery): LiveReader<Alert | StateNews> {
    this.#call('liveNews', query)
    return this.news.subscribe(liveAsk(query))
  }

  events({ limit, before = Infinity, ...query }: EventQuery) {
    this.#call('events', { limit, before, ...query })
    const found = this.liveEventLog.recorded(limit, before, () => true)
    return found.map(({ n, item }) => ({ n, event: item }))
  }

  async replay(chunks: AsyncIterable<Uint8Array>): Promise<ReplayResult> {
    const events = await this.#lines(chunks)
    const none = { expected: 0, deviations: 0, unprofiled: 0, learned: events, losses: 0 }
    return { events, ...none, rejected: [], rejectedCount: 0, ...this.replayResult }
  }

  async backTest(ref: string, chunks: AsyncIterable<Uint8Array>): Promise<BackTestResult> {
    this.#version(ref)
    const events = await this.#lines(chunks)
    const none = { deviations: 0, unprofiled: 0, rejectedCount: 0, rejected: [], rows: [] }
    return { events, expected: events, ...none, ...this.backTestResult }
  }

  async doctor() {
    return {
      checks: [{ name: 'kernel', ok: true, found: '6.18.0' }],
      acts: [{ act: 'exec', seen: 'yes', stopped: 'not yet' }],
      images: [{ image: 'registry.local/shop/web:1.4', because: 'it learns' }],
      stops: this.stops,
      crossChecks: [],
    }
  }

  async #lines(chunks: AsyncIterable<Uint8Array>): Promise<number> {
    let text = ''
    for await (const chunk of chunks) {
      this.onChunk(chunk.byteLength)
      text += Buffer.from(chunk).toString('utf8')
    }
    return text.split('\n').filter((line) => line !== '').length
  }

  #version(ref: string): VersionView {
    if (!ref.startsWith('registry.local/shop/web')) {
      throw new SnugError('IMAGE_UNKNOWN', `no image \`${ref}\``)
    }
    const found = this.#versions.find(({ tags }) => ref.endsWith(`:${tags[0]}`))
    return found ?? this.#versions[0]!
  }

  #call(name: string, ...args: unknown[]): void {
    this.calls.push({ name, args })
    if (deciding.has(name)) this.revisions += 1
  }
}

export interface ServerFixture extends AsyncDisposable {
  readonly engine: MemoryEngine
  readonly metrics: Metrics
  readonly server: RunningServer
  readonly dir: string
  readonly socket: string
  /** Empty where no TCP is served. */
  readonly url: string
  readonly log: readonly string[]
  readonly stop: AbortController
}

export interface FixtureOptions {
  readonly tcp?: boolean
  /** The page; none where absent. */
  readonly files?: PageFiles
  readonly limits?: FrontLimits
  readonly flags?: Readonly<Record<string, string>>
}

/** A real server on a socket (and a free port) of its own, in a directory that goes with it. */
const sampleSinks: SinkDesk = {
  list: () => [
    {
      name: 'ci',
      type: 'syslog',
      format: 'cef',
      target: 'tcp://10.0.0.5:6514',
      state: 'failing',
      waiting: 3,
      waitingBytes: 4_096,
      lagMs: 61_000,
      delivered: 40,
      refusals: 7,
      givenUp: 0,
      givenUpFor: { full: 0, late: 0, refused: 0 },
      lastDelivery: time,
      lastError: { time, text: 'the connection was closed before all was read' },
    },
  ],
  test: async (name) => {
    if (name !== 'ci') throw new SnugError('SINK_UNKNOWN', `there is no sink \`${name}\``)
    return { ok: false, id: '01-t', said: 'refused', tookMs: 4 }
  },
}

/** Many wrong credentials are tried here from one address. */
export const patient: FrontLimits = { headersMs: 10_000, bodyMs: 10_000, attempts: 1_000 }

/** The front as it is, but in this process: at the other end of a pair of streams instead of sockets. */
function frontInProcess(
  log: Log,
  files: PageFiles = new Map(),
  limits: FrontLimits = patient,
): OpenedFront {
  const [link, other] = duplexPair()
  const rights = { pid: process.pid, uid: 0, capabilities: 'all', noNewPrivileges: false }
  const running = runFront({ link: other, files, giveUpRights: () => rights, log, limits })
  const gone = running.then(
    () => 'it ended',
    (error: unknown) => describeError(error),
  )
  return {
    link,
    gone,
    stop: async () => {
      // Of two sockets the other one would follow.
      link.destroy()
      other.destroy()
      await gone
    },
  }
}

export async function startFixture(options: FixtureOptions = {}): Promise<ServerFixture> {
  const dir = mkdtempSync(join(tmpdir(), 'snug-server-'))
  const socket = join(dir, 'snug.sock')
  const flags = {
    listen: options.tcp ? '127.0.0.1:0' : 'none',
    data: join(dir, 'data'),
    socket,
    ...options.flags,
  }
  const lines: string[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const log = createLog('debug', sink)
  const engine = new MemoryEngine()
  const stop = new AbortController()
  const metrics = createMetrics()
  metrics.observe(
    () => engine.status(),
    () => sampleSinks.list(),
  )
  const server = await startServer({
    engine,
    config: loadConfig({ flags }),
    log,
    metrics,
    signal: stop.signal,
    sinks: () => sampleSinks,
    openFront: () => frontInProcess(log, options.files, options.limits),
  })
  return {
    engine,
    metrics,
    server,
    dir,
    socket: server.socket,
    url: server.url ?? '',
    log: lines,
    stop,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await server[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
