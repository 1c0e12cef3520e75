import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '../support/config/load-config.ts'
import { describeError } from '../errors.ts'
import type { DoctorReport, StatusView } from '../api/status-views.ts'
import type { LineageView } from '../api/version-views.ts'
import { cliPath, DemoAgent } from './demo-agent.ts'
import { freePort, type Host, lookAtHost, withoutSensor } from './host.ts'
import { keepOpen } from './keep-open.ts'
import { LiveStage } from './live-stage.ts'
import { RecordedStage } from './recorded-stage.ts'
import { Screen } from './screen.ts'
import type { Stage } from './stage.ts'
import { demoWindow, type Reported, playStory } from './story.ts'
import { StoryRecorder } from './story-recorder.ts'

/**
 * `make run`: the agent on this host. With a container engine it watches that; without one it runs the story in
 * containers that it creates; without the rights for that it replays a recording of the story. On a terminal, or with
 * `--keep`, the agent and its page then stay until Ctrl-C; with `--exit`, or in a pipe, it ends after the story.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { exit: { type: 'boolean' }, keep: { type: 'boolean' } },
  })
  const stays = !values.exit && (values.keep === true || process.stdout.isTTY)
  const screen = new Screen()
  const host = await lookAtHost()
  const lacks = withoutSensor(host)
  screen.line()
  screen.line(
    `  ${screen.paint(['bold', 'inverse'], ' SNUG ')}  learns what each container image normally does,`,
  )
  screen.line('          and holds every container to it')
  screen.line()
  const wanted = process.env['SNUG_DEMO'] ?? (host.engine === undefined ? 'story' : 'watch')
  if (wanted === 'watch' && lacks === undefined) return watch(screen, host, stays)
  return play(screen, host, { lacks, stays })
}

interface Wish {
  readonly lacks: string | undefined
  readonly stays: boolean
}

async function play(screen: Screen, host: Host, { lacks, stays }: Wish): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'snug-demo-'))
  let agent: DemoAgent | undefined
  let stage: Stage | undefined
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve('interrupted'))
  })
  try {
    stage =
      lacks === undefined && host.busybox !== undefined
        ? new LiveStage(folder, host.busybox)
        : new RecordedStage(() => {
            if (agent === undefined) throw new Error('the agent has not started yet')
            return agent
          })
    const port = await freePort(7684, 10)
    const listen = port === undefined ? 'none' : `127.0.0.1:${port}`
    const file = join(folder, 'snug.yaml')
    const config = {
      ...stage.config,
      data: join(folder, 'data'),
      listen,
      learn: demoWindow,
      after: 'alert',
      log: { level: 'warn' },
    }
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(config, undefined, 2))
    const socket = join(folder, 'snug.sock')
    agent = new DemoAgent({ folder, socket, args: ['--config', file], piped: stage.piped })
    const done = playOn(screen, agent, stage, { lacks, stays, listen, folder })
    if ((await Promise.race([done, interrupted])) === 'interrupted') {
      screen.line()
      screen.line('    cleaning up')
      done.catch(() => undefined)
      process.exitCode = 130
    } else if (stays) {
      await keepOpen(screen, agent, { interrupted, hasPage: listen !== 'none' })
    }
  } finally {
    await stage?.close()
    await agent?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Setting extends Wish {
  readonly listen: string
  readonly folder: string
}

async function playOn(
  screen: Screen,
  agent: DemoAgent,
  stage: Stage,
  { lacks, stays, listen, folder }: Setting,
): Promise<void> {
  const status = await agent.ready()
  if (lacks !== undefined) screen.fact('note', lacks)
  await introduce(screen, agent, status, listen)
  screen.fact('story', stage.words)
  const record = process.env['SNUG_DEMO_RECORD'] !== undefined && !stage.piped
  const recorder = record ? await StoryRecorder.start(agent, folder) : undefined
  const reported = await playStory(screen, agent, recorder?.wrap(stage) ?? stage)
  await recorder?.save()
  summary(screen, reported)
  whereToLook(screen, agent, stays)
}

async function introduce(
  screen: Screen,
  agent: DemoAgent,
  status: StatusView,
  listen: string,
): Promise<void> {
  for (const { name, state, facts } of status.sources) {
    const hooks = facts['hooks'] ?? facts['programs']
    screen.fact('source', `${name}, ${state}${hooks === undefined ? '' : `: ${hooks}`}`)
  }
  const doctor = await agent.ask<DoctorReport>(['doctor'])
  const acts = doctor?.acts ?? []
  const list = (of: 'seen' | 'stopped'): string =>
    acts
      .filter((act) => !/^(no|none|not|nothing|never)\b/i.test(act[of]))
      .map(({ act }) => act)
      .join(', ') || 'nothing yet'
  screen.fact('sees', list('seen'))
  screen.fact('can stop', list('stopped'))
  screen.fact(
    'API',
    listen === 'none'
      ? `${agent.socket} (ports from 7684 are taken)`
      : `http://${listen}, ${agent.socket}`,
  )
}

function summary(screen: Screen, reported: Reported): void {
  screen.line(`    ${screen.paint('bold', 'In the end')}`)
  screen.line(
    `    ${reported.attacksDetected} of ${reported.acts} attacks detected, each within ${reported.slowestMs} ms; ` +
      `${reported.alerts} alerts in total, ${reported.early} before the attack`,
  )
  screen.line()
}

/** The agent is there to ask only where it stays. */
function whereToLook(screen: Screen, agent: DemoAgent, stays: boolean): void {
  screen.line(`    ${screen.paint('bold', 'Where to look next')}`)
  if (stays) {
    screen.line(`    alias snug='node ${cliPath} --socket ${agent.socket}'`)
    screen.line('    snug alert list                     all alerts, newest first')
    screen.line('    snug profile show demo/shop:2.0     each behaviour with its evidence')
    screen.line(
      '    snug doctor                         what to do next, and what Snug can observe and block on this host',
    )
  } else {
    screen.line('    make run RUN=--keep                 the same, and the page stays until Ctrl-C')
  }
  screen.line('    README.md, docs/architecture.md     how it works')
  screen.line()
}

/** The agent on this host as it is configured, in the foreground, with a few lines before. */
async function watch(screen: Screen, { engine = 'none' }: Host, stays: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'snug-run-'))
  const { socket, listen } = loadConfig({ env: process.env }).config
  const agent = new DemoAgent({ folder, socket, args: [], piped: false })
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve('interrupted'))
  })
  try {
    const status = await agent.ready()
    const address = listen.kind === 'none' ? 'none' : `${listen.host}:${listen.port}`
    await introduce(screen, agent, status, address)
    screen.fact('engine', engine)
    screen.fact('watches', `${status.containers.watched} containers`)
    for (const { repository, versions } of (await agent.ask<LineageView[]>(['image', 'list'])) ??
      [])
      screen.fact('', `${repository}: ${versions.map(({ state }) => state).join(', ')}`)
    screen.line()
    screen.line(`    alias snug='node ${cliPath} --socket ${socket}'`)
    screen.line('    To see the story of an attack instead: SNUG_DEMO=story make run')
    screen.line()
    if (!stays) return
    agent.followAlerts((alert) => screen.alert(alert, undefined))
    await keepOpen(screen, agent, { interrupted, hasPage: listen.kind !== 'none' })
  } finally {
    await agent.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`snug: ${describeError(error)}\n`)
  process.exitCode = 1
}
