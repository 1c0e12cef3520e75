import { setTimeout as delay } from 'node:timers/promises'
import { describeError, SnugError } from '../errors.ts'
import { AgentReports } from './reading/agent-reports.ts'
import { AlertLog } from './reading/alert-log.ts'
import { alertEvidence } from './reading/alert-evidence.ts'
import type { ConsoleFleet } from './reading/console-fleet.ts'
import { FleetIncidents } from './reading/fleet-incidents.ts'
import { FleetPersons } from './reading/fleet-persons.ts'
import { FleetViews } from './reading/fleet-views.ts'
import type { FleetStatus } from './reading/views.ts'
import { bucketAccessOf, natsAccessOf } from '../support/config/nats-access.ts'
import { packagePath } from '../support/package-folder.ts'
import { createLog, type Log } from '../support/telemetry/log.ts'
import { loadPageFiles } from '../gateway/page-files.ts'
import { clusterOf, type ConsoleConfig } from './console-config.ts'
import type { ConsoleWorld } from './fleet-route.ts'
import { ConsoleServer } from './console-server.ts'
import { FleetNews } from './fleet-news.ts'

/**
 * Runs the console until the signal fires: it watches the fleet where its nodes share, follows the stream of the alerts, and
 * serves page and API. It stores nothing.
 *
 * Errors: KUBE_ACCESS, CONSOLE_INVALID, CONFIG_INVALID, LISTEN_FAILED.
 */
export async function runConsole(config: ConsoleConfig, ended: AbortSignal): Promise<void> {
  const log = createLog(config.log.level)
  const stop = new AbortController()
  const { signal } = stop
  const news = new FleetNews()
  const world = await consoleWorld(config, news, log, signal)
  const files = loadPageFiles(packagePath('dist/interfaces/ui/console'))
  const server = new ConsoleServer({ config, world: world.world, news, files, log, signal })
  try {
    const address = await server.start()
    log.info({ address }, 'the console serves')
    void world.run().then(() => log.info('the fleet was read'))
    await Promise.race([server.gone, aborted(ended)])
    // Where the gateway ends by itself, nobody is served any more.
    if (!ended.aborted) throw new SnugError('FRONT_FAILED', 'the gateway ended')
  } finally {
    news.close()
    // A decision that was asked for is made, and answered.
    await server.close()
    stop.abort()
  }
}

async function consoleWorld(
  config: ConsoleConfig,
  news: FleetNews,
  log: Log,
  signal: AbortSignal,
): Promise<{ readonly world: ConsoleWorld; readonly run: () => Promise<void> }> {
  const alerts = alertLogOf(config, news, log)
  const state = await fleetOf(config, alerts, news, log)
  const agents = agentsOf(config, news, log)
  const views = new FleetViews({
    state,
    ...(alerts && { alerts: alerts.window }),
    ...(agents && { reports: agents.latest }),
  })
  const status = (): FleetStatus => {
    const oldest = alerts?.window.oldest?.receivedAt
    return {
      store: state.store,
      faults: [
        ...state.faults,
        ...faultsOf('the alerts', alerts?.stream.fault),
        ...faultsOf('the reports of the agents', agents?.stream.fault),
        ...(agents?.ignored === undefined ? [] : [agents.ignored]),
      ],
      images: views.imageCount(),
      waiting: views.reviewItems().length,
      openAlerts: views.openAlerts(),
      nodes: views.nodeStates(),
      alerts: {
        kept: alerts?.window.size ?? 0,
        ignored: alerts?.ignored ?? 0,
        ...(oldest === undefined ? {} : { from: oldest }),
      },
    }
  }
  const incidents =
    alerts &&
    new FleetIncidents(alerts.window, {
      fleet: state,
      cases: alerts.cases,
      onNews: () => news.changed('alerts'),
    })
  const persons = incidents && new FleetPersons(incidents)
  const world: ConsoleWorld = {
    views,
    alerts: () => alerts ?? noAlerts(),
    incidents: () => incidents ?? noAlerts(),
    persons: () => persons ?? noAlerts(),
    status,
    isReady: () =>
      state.listed && alerts?.stream.caughtUp !== false && agents?.stream.caughtUp !== false,
    decide: (decision) => state.decide(decision, signal),
  }
  const run = async (): Promise<void> => {
    void alerts?.run(signal)
    void agents?.stream.run(signal)
    await state.start(signal)
  }
  return { world, run }
}

function noAlerts(): never {
  throw new SnugError('ALERT_LOG_MISSING', 'the console has no engine for alerts')
}

/** A console without Kubernetes does not load its client library. */
async function fleetOf(
  config: ConsoleConfig,
  alerts: AlertLog | undefined,
  news: FleetNews,
  log: Log,
): Promise<ConsoleFleet> {
  const onChange = (): void => news.changed('states')
  const onError = (what: string, error: unknown): void =>
    log.warn({ what, because: describeError(error) }, 'ignored')
  if (config.fleet !== undefined) {
    const { BucketState } = await import('./reading/bucket-state.ts')
    const { bucket } = config.fleet
    const state: ConsoleFleet = new BucketState({
      access: bucketAccessOf(config.fleet),
      bucket,
      onChange,
      onError,
      waiting: () => alerts?.window.groups.items((name) => state.profile(name)) ?? [],
      evidence: async (profile, ids) =>
        alerts === undefined ? noEvidence : alertEvidence(alerts, profile, ids),
    })
    return state
  }
  const { kubeAccess } = await import('../fleet/kubernetes/access.ts')
  const { KubeApi } = await import('../fleet/kubernetes/api.ts')
  const { KubeState } = await import('./reading/kube-state.ts')
  const { access, namespace } = clusterOf(config)
  return new KubeState({ api: new KubeApi(kubeAccess(access)), namespace, onChange, onError })
}

const noEvidence = { forms: new Map<string, never>(), held: new Set<string>() }

function faultsOf(what: string, fault: string | undefined): readonly string[] {
  return fault === undefined ? [] : [`the stream of ${what}: ${fault}`]
}

function alertLogOf({ alerts }: ConsoleConfig, news: FleetNews, log: Log): AlertLog | undefined {
  if (alerts === undefined) return undefined
  const { stream, subject, window } = alerts
  return new AlertLog({
    access: natsAccessOf(alerts),
    source: { stream, subject },
    window,
    onAlert: () => news.changed('alerts'),
    onCase: () => news.changed('alerts'),
    onState: faultLog(`the stream \`${stream}\``, news, log),
  })
}

function agentsOf({ alerts }: ConsoleConfig, news: FleetNews, log: Log): AgentReports | undefined {
  if (alerts?.reports === undefined) return undefined
  const { stream, subject } = alerts.reports
  return new AgentReports({
    access: natsAccessOf(alerts),
    source: { stream, subject },
    onChange: () => news.changed('states'),
    onState: faultLog(`the stream \`${stream}\``, news, log),
  })
}

/** Logs a fault when it begins or changes, and its end. */
function faultLog(what: string, news: FleetNews, log: Log): (fault: string | undefined) => void {
  let before: string | undefined = ''
  return (fault) => {
    if (fault === before) return
    if (fault === undefined) log.info(`${what} is read`)
    else log.warn({ fault }, `${what} cannot be read`)
    before = fault
    news.changed('states')
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await delay(longMs, undefined, { signal }).catch(() => undefined)
}

const longMs = 3_600_000
