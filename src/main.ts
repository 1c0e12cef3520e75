import { setTimeout as delay } from 'node:timers/promises'
import { packageVersion } from './support/package-version.ts'
import type { VerifiedProfile } from './supplychain/attest/verify.ts'
import type { Config } from './support/config/config-schema.ts'
import { bucketAccessOf } from './support/config/nats-access.ts'
import type { LoadedConfig } from './support/config/load-config.ts'
import { ProgramArguments } from './core/behaviour/arguments.ts'
import type { GeneraliseRules } from './core/behaviour/generalise.ts'
import { loadRules, loadTechniques, type Rules } from './support/config/load-rules.ts'
import { AlertTraces } from './pipeline/delivery/alert-traces.ts'
import { Dispatcher, type DispatcherOptions } from './pipeline/delivery/dispatcher.ts'
import type { DeliveryQueueLimits } from './pipeline/delivery/delivery-queue.ts'
import { AgentReporter } from './pipeline/delivery/agent-reporter.ts'
import { bindSink, reportTargets } from './pipeline/delivery/sinks/make-sink.ts'
import type { SinkBinding } from './pipeline/delivery/sinks/sink.ts'
import { describeError, SnugError } from './errors.ts'
import { AlertPruner } from './state/persistence/alert-pruner.ts'
import { Daemon, type DaemonParts } from './engine/daemon.ts'
import { FleetSync, type FleetSyncOptions } from './fleet/fleet-sync.ts'
import type { FleetLink } from './fleet/fleet.ts'
import type { DeliveryNews } from './state/persistence/journal.ts'
import { LiveConfig } from './engine/live-config.ts'
import { type RecordedVersion, recordedVersion } from './engine/recording.ts'
import { agentReport } from './engine/status/agent-report.ts'
import { TrustedProfileLoader } from './engine/trusted-profile-loader.ts'
import { SnugEngine } from './engine/snug-engine.ts'
import type { Product } from './pipeline/delivery/format/alert-facts.ts'
import { NriEngine } from './fleet/nri/nri-engine.ts'
import { ContainerdEngine } from './pipeline/identity/containerd/containerd-engine.ts'
import { DockerEngine } from './pipeline/identity/docker/docker-engine.ts'
import { PodmanEngine } from './pipeline/identity/docker/podman-engine.ts'
import { containerRootfs } from './pipeline/identity/container-rootfs.ts'
import { Identifier } from './pipeline/identity/identifier.ts'
import type { EngineState, IdentityEngine } from './pipeline/identity/identity.ts'
import { ImageFiles } from './pipeline/identity/image-files.ts'
import { containerResolvers } from './pipeline/identity/resolver-file.ts'
import { scopedEngine } from './pipeline/identity/scoped-engine.ts'
import { StaticEngine } from './pipeline/identity/static-engine.ts'
import type { DeviationReports } from './fleet/reports/deviation-reports.ts'
import type { PodEvents } from './fleet/pod-events.ts'
import type { KubeNode } from './fleet/kubernetes/kube-node.ts'
import { ownPod } from './fleet/kubernetes/own-pod.ts'
import type { LearnRules } from './core/lifecycle/version.ts'
import { globs } from './core/match/glob.ts'
import { Guardrails } from './core/match/guardrail.ts'
import { Techniques } from './core/match/technique.ts'
import { shaperOf } from './core/match/shaper-of.ts'
import type { StormRules } from './pipeline/alerts/storms.ts'
import { alertPolicy } from './supplychain/policy/alert-policy.ts'
import { requirementsByImage } from './supplychain/gate/representative.ts'
import { fetchTrusted } from './supplychain/registry/trusted-fetch.ts'
import { startServer } from './interfaces/server/server.ts'
import { trustedSigners } from './supplychain/attest/trusted-signers.ts'
import { FileSource } from './pipeline/sources/file-source.ts'
import { sensorSource } from './pipeline/sources/line-formats.ts'
import { ListenSource } from './pipeline/sources/listen/listen-source.ts'
import { ModuleSource } from './pipeline/sources/module-source.ts'
import { PlaceFile, placePath } from './pipeline/sources/place-file.ts'
import { EbpfSource } from './pipeline/sources/ebpf/ebpf-source.ts'
import { detachKernelState } from './pipeline/sources/ebpf/sensor-process.ts'
import type { EventSource } from './pipeline/sources/source.ts'
import { CursorFile } from './state/store/cursor-file.ts'
import { openLevelStore } from './state/store/level-store.ts'
import { MemoryStore } from './state/store/memory-store.ts'
import { exitOnCrash } from './support/telemetry/crash.ts'
import { withRoomToLoad } from './support/telemetry/heap.ts'
import { createLog, type Log, stageLog } from './support/telemetry/log.ts'
import { createMetrics } from './support/telemetry/metrics.ts'

/** Alerts kept in the store for a sink that has yet to take one of them. */
const alertsKeptForSinks = 100_000
const sourceAskedMs = 50

/**
 * The composition root: config → sources → identify → judge → respond → deliver, with the server beside
 * it. Resolves when the signal has ended it and everything is drained.
 *
 * Errors: whatever keeps the agent from starting, coded.
 */
export async function runAgent(
  loaded: LoadedConfig,
  /** Reads the config again, from the same places. */
  read: () => LoadedConfig,
  signal: AbortSignal,
): Promise<void> {
  const { config } = loaded
  const log = createLog(config.log.level)
  const kube = await kubeOf(config, log)
  const engines = enginesOf(config, kube, stageLog(log, 'identity'))
  const grade = await gradeOf(config)
  const { close, ...kept } = await openStore(config, log)
  const { store } = kept
  const events = podEventsOf(config, kube, stageLog(log, 'deliver'))
  const onStored: OnStored = (records) => events?.stored(records)
  const { daemon, traces } = assemble(config, engines, { ...kept, ...grade, onStored }, log)
  const sinks = (): Dispatcher => daemon.journal.dispatcher
  const pruner = new AlertPruner({
    store,
    kept: config.alertsKept,
    held: (id) => daemon.alerts.has(id),
    needed: () => sinks().needed,
    raised: () => daemon.alerts.counts.raised,
    log: stageLog(log, 'store'),
  })
  const metrics = createMetrics()
  const live = new LiveConfig({
    loaded,
    read,
    faults: daemon.faults,
    journal: daemon.journal,
    apply: (now) => daemon.reconfigure({ ...liveParts(now), outlets: outletsOf(now) }),
    onReload: (result) => metrics.count('snug_config_reloads_total', { result }),
    log,
  })
  const reload = (): void => void live.reload()
  let reports: DeviationReports | undefined
  let reporter: AgentReporter | undefined
  const undoExit = exitOnCrash(log, () => daemon.journal.persist())
  try {
    await withRoomToLoad(() => daemon.load())
    pruner.start()
    const engine = new SnugEngine(daemon, packageVersion(), {
      dockerSocket: config.engines.docker.socket,
      podmanSockets: config.engines.podman.sockets,
    })
    metrics.observe(
      () => engine.status(),
      () => sinks().list(),
      () => daemon.loopFigures(),
    )
    const current = shown(live)
    const { loop: watch, slices } = daemon
    const parts = { engine, config: current, log, metrics, signal, sinks, watch, slices }
    await using server = await startServer(parts)
    process.on('SIGHUP', reload)
    await followTrust(config, daemon, engines, signal)
    log.info({ socket: server.socket, listen: server.url ?? 'none' }, 'the agent listens')
    const fleet = await fleetOf(config, kube)
    if (fleet !== undefined) void new FleetSync({ context: daemon, engine, ...fleet }).start(signal)
    reporter = new AgentReporter({
      targets: () => reportTargets(current.config.sinks),
      report: ({ sink, everyMs }) => agentReport(engine.status(), sinks().list(), sink, everyMs),
      log: stageLog(log, 'deliver'),
    })
    reporter.start()
    reports = await reportsOf(config, kube, daemon)
    reports?.start()
    await daemon.run(signal)
  } finally {
    process.off('SIGHUP', reload)
    undoExit()
    await pruner.stop()
    await traces?.close()
    await events?.close()
    await reporter?.close()
    await reports?.close()
    await close()
  }
}

/** Profiles that come with images, where somebody is trusted. Errors: KEY_INVALID, TRUST_ROOT_INVALID */
async function followTrust(
  { trust }: Config,
  daemon: Daemon,
  engines: readonly IdentityEngine[],
  signal: AbortSignal,
): Promise<void> {
  const { keys, keyless, mode, plainHttp } = trust
  if (keys.length === 0 && keyless.signers.length === 0) return
  const signers = await trustedSigners(keys, keyless)
  const fetch = (image: string, digest: string): Promise<VerifiedProfile | undefined> =>
    fetchTrusted({ signers, plainHttp }, image, digest)
  new TrustedProfileLoader({ context: daemon, mode, fetch, signal }).follow(engines)
}

/**
 * Watches this host while `work` is done, in memory and with nothing left behind, and gives what was learned of each
 * image. `work` begins once the sensor sees, and everything up to its end is in.
 *
 * Errors: SENSOR_UNAVAILABLE where the kernel cannot; what `work` throws
 */
export async function recordWhile(
  { config }: LoadedConfig,
  work: () => Promise<void>,
): Promise<readonly RecordedVersion[]> {
  const log = createLog(config.log.level)
  const kube = await kubeOf(config, log)
  const rules = loadRules()
  const profiles = { ...config.profiles, scope: 'cluster' as const }
  const own = { ...config, profiles, kernelState: 'none' }
  const engines = enginesOf(own, kube, stageLog(log, 'identity'))
  const source = ebpfSource(own, rules.generalise, stageLog(log, 'source'), false)
  const { daemon } = assemble(own, engines, { store: new MemoryStore() }, log, rules, [source])
  await daemon.load()
  const ending = new AbortController()
  const fromMs = daemon.now()
  const running = daemon.run(ending.signal)
  try {
    await seeing(source, daemon)
    await work()
    source.control?.flush()
    await source.obeyed()
  } finally {
    ending.abort()
    await running
  }
  return [...daemon.registry.index].map((version) =>
    recordedVersion(version, daemon.registry.node, fromMs, daemon.now()),
  )
}

/** Polls: a source has a state, and no event for its change. */
async function seeing(source: EbpfSource, daemon: Daemon): Promise<void> {
  while (source.state.kind === 'starting') await delay(sourceAskedMs)
  if (source.state.kind === 'running') return
  const why = [...daemon.faults.values()].join('; ')
  throw new SnugError('SENSOR_UNAVAILABLE', `the sensor does not run on this host: ${why}`)
}

/**
 * Removes all that an agent left in the kernel. Resolves with what there is to say.
 *
 * Errors: `DETACH_REFUSED`, also while an agent runs with it.
 */
export async function detachAgent({ config }: LoadedConfig): Promise<string> {
  const { kernelState, sensor } = config
  if (kernelState === 'none')
    return 'the kernel keeps no state after the agent ends: `kernelState` is `none`'
  return detachKernelState(kernelState, sensor.path)
}

/** Receives the records of the node once they are stored. */
type OnStored = NonNullable<DispatcherOptions['onOffered']>

interface Assembled {
  readonly daemon: Daemon
  /** Absent where nobody wants them. */
  readonly traces: AlertTraces | undefined
}

function assemble(
  config: Config,
  engines: readonly IdentityEngine[],
  { onStored, ...kept }: Kept & { readonly onStored?: OnStored },
  log: Log,
  rules: Rules = loadRules(),
  sources: readonly EventSource[] = sourcesOf(config, rules.generalise, log),
): Assembled {
  const shaper = shaperOf(rules)
  const files = new ImageFiles()
  const traces = tracesOf(config, log)
  const daemon = new Daemon({
    node: config.node,
    sources,
    engines,
    files,
    makeIdentifier: (links) =>
      new Identifier({
        programs: new ProgramArguments(rules.generalise.arguments),
        engines,
        files,
        node: config.node,
        scope: config.profiles.scope,
        rootfsOf: containerRootfs,
        resolversOf: containerResolvers,
        isOwn: ownPod(config.engines.kubernetes.access),
        ...links,
        limits: { giveUpMs: config.hold.seconds * 1000, total: config.hold.events },
      }),
    shaper,
    guardrails: new Guardrails(rules.guardrails),
    techniques: new Techniques(loadTechniques(config.techniques)),
    ...liveParts(config),
    failClosed: config.block.failClosed,
    ...kept,
    makeDispatcher: (news) =>
      new Dispatcher(outletsOf(config), {
        ...dispatcherOptions(config, log),
        ...news,
        onOffered: (records) => {
          traces?.stored(records, daemon.now())
          onStored?.(records)
        },
        onDelivered: (sink, cursor, records) => {
          news.onDelivered(sink, cursor)
          traces?.delivered(sink, records, daemon.now())
        },
      }),
    alertsKept: config.alertsKept,
    auditKept: config.auditKept,
    log: stageLog(log, 'flow'),
  })
  return { daemon, traces }
}

function tracesOf({ traces, node }: Config, log: Log): AlertTraces | undefined {
  const { url, token, timeout } = traces
  if (url === undefined) return undefined
  const stage = stageLog(log, 'traces')
  const target = { url, token, tls: {}, timeoutMs: timeout }
  return new AlertTraces(target, { product: product(), node }, (error, spans) => {
    stage.warn(
      { spans, error: describeError(error) },
      'the trace collector refused spans: they are lost',
    )
  })
}

function teachingNamespaces(patterns: readonly string[]): NonNullable<LearnRules['teaches']> {
  const has = globs(patterns)
  return patterns.includes('**') ? () => true : (name) => name !== undefined && has(name)
}

/** What may change while the agent runs. */
function liveParts(config: Config) {
  const { learn, profiles, after, block, storm, outbox, retention, flushInterval } = config
  const rules: LearnRules = {
    floorMs: learn.floor,
    ceilingMs: learn.ceiling,
    unseen: learn.unseen,
    inheritedForMs: learn.vanishAfter,
    after,
    block: {
      canary: block.canary,
      canaryForMs: block.canaryFor,
      budget: block.budget,
      from: block.from,
    },
    teaches: teachingNamespaces(learn.namespaces),
    mergeFrom: profiles.mergeFrom,
    ...(learn.representative.length === 0
      ? {}
      : { mustSee: requirementsByImage(learn.representative) }),
  }
  const limits: DeliveryQueueLimits = {
    outbox: { maxBytes: outbox.size, maxAgeMs: outbox.age, maxSpan: alertsKeptForSinks },
    repeatMs: storm.repeat,
  }
  const storms: StormRules = { each: storm.each, withinMs: storm.within, always: storm.always }
  const { versions, age: ageMs } = retention
  return {
    rules,
    retention: { versions, ageMs },
    limits,
    storms,
    flushIntervalMs: flushInterval,
  }
}

function outletsOf({ sinks, deliver }: Config): readonly SinkBinding[] {
  return sinks.map((sink) => bindSink(sink, product(), deliver.from))
}

function product(): Product {
  return { vendor: 'Snug', name: 'snug', version: packageVersion() }
}

/** The config for those who show it: as it is when they look. */
function shown(live: LiveConfig): LoadedConfig {
  return {
    get config() {
      return live.loaded.config
    },
    get origins() {
      return live.loaded.origins
    },
    get warnings() {
      return live.loaded.warnings
    },
  }
}

function dispatcherOptions(config: Config, log: Log): Omit<DispatcherOptions, keyof DeliveryNews> {
  const stage = stageLog(log, 'deliver')
  return {
    ...liveParts(config).limits,
    node: config.node,
    onError: (sink, error, waitMs) => {
      stage.warn(
        { sink, waitMs, error: describeError(error) },
        'a sink refused alerts: they stay queued',
      )
    },
  }
}

function sourcesOf(config: Config, rules: GeneraliseRules, log: Log): readonly EventSource[] {
  return config.sources.map((spec) => sourceOf(spec, config, rules, stageLog(log, 'source')))
}

function ebpfSource(
  { node, rings, sensor, kernelState }: Config,
  rules: GeneraliseRules,
  log: Log,
  startAgain = true,
): EbpfSource {
  return new EbpfSource({
    node,
    ringBytes: rings.size,
    ...(kernelState === 'none' ? {} : { kernelState }),
    acknowledgeWhen: 'stored',
    startAgain,
    programs: rules.arguments.flatMap(({ names }) => names),
    ...(sensor.path === undefined ? {} : { sensorPath: sensor.path }),
    log: (line, level) => log[level]({ line }, 'output of the sensor'),
  })
}

function sourceOf(spec: string, config: Config, rules: GeneraliseRules, log: Log): EventSource {
  const { node } = config
  if (spec === 'ebpf') return ebpfSource(config, rules, log)
  if (spec.startsWith('file:')) return new FileSource({ path: spec.slice('file:'.length), node })
  const options = {
    node,
    onRejected: (line: object) => log.warn(line, 'a line was rejected'),
    ...(config.data === 'none' ? {} : { place: new PlaceFile(placePath(config.data, spec)) }),
    keeps: config.sources.length === 1,
  }
  const sensor = sensorSource(spec, options)
  if (sensor !== undefined) return sensor
  if (spec.startsWith('listen:')) return new ListenSource(spec.slice('listen:'.length), options)
  if (spec.startsWith('module:')) return new ModuleSource(spec.slice('module:'.length), options)
  throw new SnugError('SOURCE_UNKNOWN', `there is no source \`${spec}\``)
}

async function kubeOf(config: Config, log: Log): Promise<KubeNode | undefined> {
  const { access } = config.engines.kubernetes
  if (access === 'none') return undefined
  // An agent without Kubernetes does not load the client library.
  const { kubeNode } = await import('./fleet/kubernetes/kube-node.ts')
  const kube = kubeNode(access, config.node)
  log.info({ server: kube.server, by: kube.from }, 'Kubernetes is the container engine')
  return kube
}

/** Where this node shares what it learns; undefined where it does not. */
async function fleetOf(
  { engines, fleet, node }: Config,
  kube: KubeNode | undefined,
): Promise<Pick<FleetSyncOptions, 'makeFleet' | 'shareWithinMs'> | undefined> {
  if (fleet.type === 'nats') {
    const { NatsFleet } = await import('./fleet/nats/nats-fleet.ts')
    const { bucket, shareWithin: shareWithinMs } = fleet
    const access = bucketAccessOf(fleet)
    const makeFleet = (link: FleetLink) => new NatsFleet({ access, bucket, node, ...link })
    return { makeFleet, shareWithinMs }
  }
  if (kube === undefined || !engines.kubernetes.share) return undefined
  const makeFleet = (link: FleetLink) => kube.fleet(link)
  return { makeFleet, shareWithinMs: engines.kubernetes.shareWithin }
}

function podEventsOf(
  { engines }: Config,
  kube: KubeNode | undefined,
  log: Log,
): PodEvents | undefined {
  if (!engines.kubernetes.events) return undefined
  return kube?.events({
    onLost: (count, error) => {
      log.warn({ count, error: describeError(error) }, 'events on pods were not written')
    },
  })
}

async function reportsOf(
  { engines }: Config,
  kube: KubeNode | undefined,
  { faults, registry }: Daemon,
): Promise<DeviationReports | undefined> {
  if (kube === undefined || !engines.kubernetes.reports) return undefined
  const { openVersions } = await import('./fleet/reports/deviation-reports.ts')
  return kube.reports({
    open: () => openVersions(registry.index),
    onFault: (reason) => {
      if (reason === undefined) faults.delete('reports')
      else faults.set('reports', reason)
    },
  })
}

function enginesOf(
  config: Config,
  kube: KubeNode | undefined,
  log: Log,
): readonly IdentityEngine[] {
  const { docker, podman, containerd, static: fixed } = config.engines
  const engines: IdentityEngine[] = []
  const onStateOf = (engine: string) => (state: EngineState) =>
    log.info({ engine, state }, 'an engine changed its state')
  // First, as it knows more of a container than the engine that runs it.
  if (kube !== undefined) {
    const { nri, runtime } = config.engines.kubernetes
    const pods = kube.engine({ onState: onStateOf('kubernetes') })
    engines.push(pods)
    if (nri !== 'none') {
      const { failClosed } = config.block
      const onRefused = (line: object) => log.warn(line, 'refused to let a container start')
      const options = { socket: nri, runtime, pods, failClosed, onRefused }
      engines.push(new NriEngine({ ...options, onState: onStateOf('nri') }))
    }
  }
  if (docker.socket !== 'none') {
    const { socket } = docker
    const isOptional = (): boolean => podmans.sockets.length > 0
    engines.push(new DockerEngine({ socket, isOptional, onState: onStateOf('docker') }))
  }
  const podmans = new PodmanEngine({
    sockets: podman.sockets,
    except: docker.socket,
    before: [...engines],
    onState: onStateOf('podman'),
  })
  if (podman.sockets.length > 0) engines.push(podmans)
  if (containerd.socket !== 'none') {
    engines.push(
      new ContainerdEngine({
        socket: containerd.socket,
        except: [
          ...(docker.socket === 'none' ? [] : ['moby']),
          ...(kube === undefined ? [] : ['k8s.io']),
        ],
        onState: onStateOf('containerd'),
      }),
    )
  }
  if (fixed.manifest !== undefined) engines.push(new StaticEngine(fixed.manifest))
  return engines.map((engine) => scopedEngine(engine, config.profiles.scope))
}

async function gradeOf({ alertPolicy: policy }: Config): Promise<Pick<DaemonParts, 'grade'>> {
  const { wasm, entrypoint } = policy
  return wasm === undefined ? {} : { grade: await alertPolicy(wasm, entrypoint) }
}

/** What survives the daemon. */
type Kept = Pick<DaemonParts, 'store' | 'cursors' | 'grade'>

async function openStore(
  config: Config,
  log: Log,
): Promise<Kept & { readonly close: () => Promise<void> }> {
  if (config.data === 'none') {
    const store = new MemoryStore()
    return { store, close: () => store.close() }
  }
  const { store, damage } = await openLevelStore(`${config.data}/store`)
  for (const { what, message, aside } of damage) {
    stageLog(log, 'store').error(
      { code: 'STORE_DAMAGED', what, message, aside },
      'the store was damaged',
    )
  }
  const cursors = new CursorFile(`${config.data}/cursors`)
  return { store, cursors, close: () => store.close() }
}
