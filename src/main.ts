import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packageVersion } from './support/package-version.ts'
import type { VerifiedProfile } from './supplychain/attest/verify.ts'
import type { Config } from './support/config/config-schema.ts'
import type { LoadedConfig } from './support/config/load-config.ts'
import { ProgramArguments } from './core/behaviour/arguments.ts'
import {
  loadRules,
  loadTechniques,
  type Rules,
  withOwnGuardrails,
} from './support/config/load-rules.ts'
import { loadStarters } from './supplychain/prior/starter-library.ts'
import { AlertTraces } from './agent/pipeline/delivery/alert-traces.ts'
import { Dispatcher, type DispatcherOptions } from './agent/pipeline/delivery/dispatcher.ts'
import { AgentReporter } from './agent/pipeline/delivery/agent-reporter.ts'
import { reportTargets } from './agent/pipeline/delivery/sinks/make-sink.ts'
import { describeError, SnugError } from './errors.ts'
import { AlertPruner } from './agent/records/persistence/alert-pruner.ts'
import { Daemon, type DaemonParts } from './agent/engine/daemon.ts'
import { FleetSync } from './fleet/fleet-sync.ts'
import { LiveConfig } from './agent/engine/live-config.ts'
import type { Alert } from './core/event/alert.ts'
import type { JobRun, RecordedVersion } from './api/engine.ts'
import { judgeJob, learningAll, mustBlock } from './agent/engine/job-recording.ts'
import { recordedVersion } from './agent/engine/recording.ts'
import { agentReport } from './agent/reading/status/agent-report.ts'
import { TrustedProfileLoader } from './agent/engine/trusted-profile-loader.ts'
import { SnugEngine } from './agent/engine/snug-engine.ts'
import { JobCgroup } from './agent/pipeline/identity/job-cgroup.ts'
import { StaticEngine } from './agent/pipeline/identity/static-engine.ts'
import { containerRootfs, runsOnHost } from './agent/pipeline/identity/container-rootfs.ts'
import { Identifier } from './agent/pipeline/identity/identifier.ts'
import type { IdentityEngine } from './agent/pipeline/identity/identity.ts'
import { ImageFiles } from './agent/pipeline/identity/image-files.ts'
import { HostFiles } from './agent/pipeline/identity/units/host-files.ts'
import { isOwnUnit } from './agent/pipeline/identity/units/unit-cgroup.ts'
import type { UnitEngineOptions } from './agent/pipeline/identity/units/unit-engine.ts'
import { containerResolvers, hostResolvers } from './agent/pipeline/identity/resolver-file.ts'
import type { PodLabels } from './fleet/pod-labels.ts'
import type { DeviationReports } from './fleet/reports/deviation-reports.ts'
import { ownPod } from './fleet/kubernetes/own-pod.ts'
import { guardsOf, openGuardsOf } from './core/compile/kernel-guards.ts'
import { Guardrails, shaperOf } from './core/match/guardrail.ts'
import { Techniques } from './core/match/technique.ts'
import { alertPolicy } from './plugins/rego/alert-policy.ts'
import { fetchTrusted } from './supplychain/registry/trusted-fetch.ts'
import { startServer } from './serve/server.ts'
import { trustedSigners } from './supplychain/attest/trusted-signers.ts'
import type { EbpfSource } from './agent/pipeline/sources/ebpf/ebpf-source.ts'
import type { EventSource } from './agent/pipeline/sources/source.ts'
import { CaseFolder } from './agent/records/cases/case-folder.ts'
import { CursorFile } from './agent/records/store/cursor-file.ts'
import { openLevelStore } from './agent/records/store/level-store.ts'
import { MemoryStore } from './agent/records/store/memory-store.ts'
import { exitOnCrash } from './support/telemetry/crash.ts'
import { withRoomToLoad } from './support/telemetry/heap.ts'
import { createLog, type Log, stageLog } from './support/telemetry/log.ts'
import { createMetrics } from './support/telemetry/metrics.ts'
import { fleetOf, kubeOf, podEventsOf, podLabelsOf, reportsOf } from './agent/parts/cluster.ts'
import { enginesOf } from './agent/parts/engines.ts'
import { dispatcherOptions, liveParts, outletsOf, product } from './agent/parts/options.ts'
import { ebpfSource, sourcesOf } from './agent/parts/sources.ts'

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
  const shipped = loadRules()
  const rules = {
    ...shipped,
    guardrails: withOwnGuardrails(shipped.guardrails, config.guardrails),
  }
  const hosts = new HostFiles()
  const programs = new CursorFile(`${config.data}/unit-programs`)
  const units = { hosts, programs, scriptOf: scriptsOf(rules) }
  const engines = enginesOf(config, kube, units, stageLog(log, 'identity'))
  const grade = await gradeOf(config)
  const { close, ...kept } = await openStore(config, log)
  const { store } = kept
  const events = podEventsOf(config, kube, stageLog(log, 'deliver'))
  const onStored: OnStored = (records) => events?.stored(records)
  const { daemon, traces } = assemble(
    config,
    { engines, hosts },
    { ...kept, ...grade, ...auditLogOf(config), onStored },
    log,
    rules,
  )
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
  let labels: PodLabels | undefined
  const undoExit = exitOnCrash(log, () => daemon.journal.persist())
  try {
    await withRoomToLoad(() => daemon.load())
    pruner.start()
    const engine = new SnugEngine(daemon, packageVersion(), {
      dockerSocket: config.engines.docker.socket,
      podmanSockets: config.engines.podman.sockets,
      units: config.units,
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
    if (fleet !== undefined) {
      const { sharedHolds: holds } = daemon
      void new FleetSync({ context: daemon, engine, holds, ...fleet }).start(signal)
    }
    reporter = new AgentReporter({
      targets: () => reportTargets(current.config.sinks),
      report: ({ sink, everyMs }) => agentReport(engine.status(), sinks().list(), sink, everyMs),
      log: stageLog(log, 'deliver'),
    })
    reporter.start()
    reports = await reportsOf(config, kube, daemon)
    reports?.start()
    labels = podLabelsOf(config, kube, daemon, stageLog(log, 'respond'))
    labels?.start()
    await daemon.run(signal)
  } finally {
    process.off('SIGHUP', reload)
    undoExit()
    await pruner.stop()
    await traces?.close()
    await events?.close()
    await reporter?.close()
    await reports?.close()
    await labels?.close()
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

/** Different actions that are stopped within a minute: a job cannot wait for a person. */
const jobBudget = 10_000

export interface Recorded {
  readonly versions: readonly RecordedVersion[]
  /** Oldest first. */
  readonly alerts: readonly Alert[]
}

/**
 * Watches this host while `work` is done, in memory and with nothing left behind, and gives what was learned of each
 * image. `work` begins once the sensor sees, and everything up to its end is in.
 *
 * @param job only this run is watched, as the container that the manifest names
 *
 * Errors: SENSOR_UNAVAILABLE where the kernel cannot; JOB_UNBLOCKED; what `work` throws
 */
export async function recordWhile(
  { config }: LoadedConfig,
  work: () => Promise<void>,
  job?: JobRun & { readonly manifest: string },
): Promise<Recorded> {
  const log = createLog(config.log.level)
  const shipped = loadRules()
  const isLearned = job !== undefined && job.judged === undefined
  const rules = isLearned ? { ...shipped, guardrails: learningAll(shipped.guardrails) } : shipped
  const profiles = { ...config.profiles, scope: 'cluster' as const }
  const block = job === undefined ? config.block : { ...config.block, budget: jobBudget }
  const own = { ...config, profiles, block, kernelState: 'none' }
  const hosts = new HostFiles()
  const units = { hosts, scriptOf: scriptsOf(rules) }
  const engines =
    job === undefined
      ? enginesOf(own, await kubeOf(config, log), units, stageLog(log, 'identity'))
      : [new StaticEngine(job.manifest)]
  const source = ebpfSource(own, rules.generalise, stageLog(log, 'source'), false)
  const jobs = job === undefined ? {} : { jobs: guardsOf(rules.guardrails) }
  const kept = { store: new MemoryStore(), ...jobs }
  const { daemon } = assemble(own, { engines, hosts }, kept, log, rules, [source])
  await daemon.load()
  const ending = new AbortController()
  const fromMs = daemon.now()
  const version = job && judgeJob(daemon, job, fromMs)
  const running = daemon.run(ending.signal)
  try {
    await seeing(source, daemon)
    if (version?.life.mode === 'block') await mustBlock(source, daemon, version)
    await work()
    source.control?.flush()
    await source.obeyed()
  } finally {
    ending.abort()
    await running
  }
  const versions = [...daemon.registry.index].map((version) =>
    recordedVersion(version, daemon.registry.node, fromMs, daemon.now()),
  )
  const alerts = daemon.alerts.newestFirst.map(({ whole }) => whole).reverse()
  return { versions, alerts }
}

/**
 * Watches one run of a job of CI. `run` gets the file by which a process enters the cgroup of the job.
 *
 * Errors: those of {@link recordWhile}, JOB_UNWATCHED
 */
export async function recordRun(
  loaded: LoadedConfig,
  job: JobRun,
  run: (door: string) => Promise<void>,
): Promise<Recorded & { readonly outlived: number }> {
  const cgroup = new JobCgroup()
  const { id } = cgroup
  const { image, judged } = job
  const folder = mkdtempSync(join(tmpdir(), 'snug-job-'))
  const manifest = join(folder, 'containers.json')
  let outlived = 0
  try {
    writeFileSync(manifest, JSON.stringify({ containers: [{ id, name: image.repository, image }] }))
    const work = async (): Promise<void> => {
      cgroup.make()
      try {
        await run(cgroup.door)
      } finally {
        outlived = await cgroup.remove(judged?.mode === 'block' ? 'ended' : 'released')
      }
    }
    const recorded = await recordWhile(loaded, work, { ...job, manifest })
    // Guardrails are about every container of the host, and the run is one of them.
    const alerts = recorded.alerts.filter(({ container }) => container?.id === id)
    return { ...recorded, alerts, outlived }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Polls: a source has a state, and no event for its change. */
async function seeing(source: EbpfSource, daemon: Daemon): Promise<void> {
  while (source.state.kind === 'starting') await delay(sourceAskedMs)
  if (source.state.kind === 'running') return
  const why = [...daemon.faults.values()].join('; ')
  throw new SnugError('SENSOR_UNAVAILABLE', `the sensor does not run on this host: ${why}`)
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
  { engines, hosts }: { readonly engines: readonly IdentityEngine[]; readonly hosts: HostFiles },
  { onStored, ...kept }: Kept & { readonly onStored?: OnStored },
  log: Log,
  rules: Rules,
  sources: readonly EventSource[] = sourcesOf(config, rules.generalise, log),
): Assembled {
  const resolvers = kept.jobs && hostResolvers()
  const shaper = shaperOf(rules)
  const files = new ImageFiles(hosts)
  const traces = tracesOf(config, log)
  const daemon = new Daemon({
    node: config.node,
    sources,
    engines,
    files,
    runsOnHost,
    makeIdentifier: (links) =>
      new Identifier({
        programs: new ProgramArguments(rules.generalise.arguments),
        engines,
        files,
        node: config.node,
        scope: config.profiles.scope,
        rootfsOf: containerRootfs,
        resolversOf: resolvers === undefined ? containerResolvers : () => resolvers,
        isOwn: ownPod(config.engines.kubernetes.access) ?? isOwnUnit,
        ...links,
        limits: { giveUpMs: config.hold.seconds * 1000, total: config.hold.events },
      }),
    shaper,
    guardrails: new Guardrails(rules.guardrails),
    openGuards: once(() => openGuardsOf(rules.guardrails)),
    techniques: new Techniques(loadTechniques(config.techniques)),
    ...(config.learn.starters ? { starters: loadStarters() } : {}),
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

function scriptsOf({ generalise }: Rules): UnitEngineOptions['scriptOf'] {
  const programs = new ProgramArguments(generalise.arguments)
  return (program, args) => programs.script(program, args)
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

/** The config for those who show it: as it is when they look. */
function shown(live: LiveConfig): LoadedConfig {
  return {
    get config() {
      return live.loaded.config
    },
    get origins() {
      return live.loaded.origins
    },
    get deprecated() {
      return live.loaded.deprecated
    },
    get warnings() {
      return live.loaded.warnings
    },
  }
}

/** Made when it is asked for first, as most agents never ask. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

async function gradeOf({ alertPolicy: policy }: Config): Promise<Pick<DaemonParts, 'grade'>> {
  const { wasm, entrypoint } = policy
  return wasm === undefined ? {} : { grade: await alertPolicy(wasm, entrypoint) }
}

function auditLogOf({ engines }: Config): Pick<DaemonParts, 'auditLog'> {
  const { auditLog } = engines.kubernetes
  return auditLog === 'none' ? {} : { auditLog }
}

/** What survives the daemon, and how it judges. */
type Kept = Pick<DaemonParts, 'store' | 'cursors' | 'caseFolder' | 'grade' | 'jobs' | 'auditLog'>

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
  const caseFolder = new CaseFolder(`${config.data}/cases`)
  return { store, cursors, caseFolder, close: () => store.close() }
}
