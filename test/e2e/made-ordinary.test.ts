import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { severities } from '../../src/core/event/alert-words.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { learnerConfig, startLearned } from '../fixtures/learned-agent.ts'
import { patienceMs } from '../fixtures/patience.ts'

const image = `${uniqueName('ordinary')}:1`
const { docker, socket } = sharedEngine()
const out = mkdtempSync('/tmp/snug-ordinary-')
const sink = join(out, 'alerts.ndjson')
let agent: Agent

/** Does what its jobs say by itself: an attacker in the service needs no new program. */
const service = `#!/bin/sh
while true; do
  /bin/sh -c 'exec cat /etc/motd'
  while read what rest; do
    case $what in
    put) echo x > "$rest" ;;
    do) /bin/sh -c "$rest" ;;
    esac
  done < /jobs/job
  echo done > /jobs/result
done
`

/** A container of the service. */
class Service {
  readonly container: Docker.Container
  readonly #jobs: string

  private constructor(container: Docker.Container, jobs: string) {
    this.container = container
    this.#jobs = jobs
  }

  static async start(): Promise<Service> {
    const jobs = mkdtempSync(join(out, 'jobs-'))
    // Who opens one waits for the other end.
    execFileSync('mkfifo', [join(jobs, 'job'), join(jobs, 'result')])
    const options = { HostConfig: { Binds: [`${jobs}:/jobs`], NetworkMode: 'none' } }
    return new Service(await startContainer(docker, image, ['/app/run'], options), jobs)
  }

  async does(...lines: readonly string[]): Promise<void> {
    await writeFile(join(this.#jobs, 'job'), lines.map((line) => `${line}\n`).join(''))
    await readFile(join(this.#jobs, 'result'))
  }

  stop(): Promise<void> {
    return removeContainer(this.container)
  }
}

async function withService(work: (service: Service) => Promise<void>): Promise<void> {
  const one = await Service.start()
  try {
    await work(one)
  } finally {
    await one.stop()
  }
}

/** Names that nobody gives twice. */
const nameOf = (n: number): string =>
  createHash('sha256').update(String(n)).digest('hex').slice(0, 10)
/** The same without figures, which a shape would stand for. */
const wordOf = (n: number): string =>
  nameOf(n).replaceAll(/\d/g, (digit) => 'ghijklmnop'[Number(digit)] ?? '')
const numbers = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, n) => from + n)
const uploads = (from: number, count: number): readonly string[] =>
  numbers(from, count).map((n) => `put /srv/files/${nameOf(n)}.csv`)
/** Of which none resembles another, so that they are no row of folders. */
const foldersOfData = ['/srv/one', '/srv/two/deep/in', '/var/three', '/home/four/x']
const lastFolder = '/var/lib/five/a'
const words = (folder: string, from: number, count: number): readonly string[] =>
  numbers(from, count).map((n) => `put ${folder}/${wordOf(n)}`)

beforeAll(async () => {
  // Each test has a folder for what it expects: alerts of one folder join.
  const folders = ['/srv/files', '/srv/mark', '/srv/web', '/srv/all', ...foldersOfData, lastFolder]
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: {
      '/app/run': service,
      ...Object.fromEntries(folders.map((folder) => [`${folder}/readme.txt`, 'here\n'])),
    },
  })
  const learner = await startAgent({ docker: socket, config: learnerConfig })
  await withService(async (one) => {
    for (let n = 0; n < 5; n++) {
      await one.does(...uploads(8 * n, 8))
      // Names are new in several slices of time.
      await setTimeout(1_100)
    }
    await learner.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(({ text }) => text.includes('/srv/files/')),
    )
  })
  agent = await startLearned(learner, socket, [image], {
    sinks: [{ name: 'siem', type: 'file', path: sink }],
  })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  rmSync(out, { recursive: true, force: true })
})

/** The newest state of each alert that the sink has of the container, from `medium` on. */
function received({ id }: Docker.Container): readonly Alert[] {
  const lines = existsSync(sink) ? readFileSync(sink, 'utf8').split('\n').slice(0, -1) : []
  const alerts = lines.map((line) => JSON.parse(line) as Alert)
  const newest = new Map(alerts.map((alert) => [alert.id, alert]))
  return [...newest.values()].filter(
    ({ container, severity }) =>
      container?.id === id && severities.indexOf(severity) >= severities.indexOf('medium'),
  )
}

/** Fails with those that the sink does not have, and with what the agent lost. */
async function expectNamed(container: Docker.Container, names: readonly string[]): Promise<void> {
  const missing = (): readonly string[] => {
    const texts = JSON.stringify(received(container))
    return names.filter((name) => !texts.includes(name))
  }
  const deadline = Date.now() + patienceMs
  while (missing().length > 0 && Date.now() < deadline) await setTimeout(150)
  if (missing().length === 0) return
  const { sources, losses, counters } = await agent.json<StatusView>(['status'])
  const lost = sources.map((source) => source.lost)
  expect({ missing: missing(), lost, losses, counters }).toEqual({})
}

describe('a sink with the usual filter gets', () => {
  test('no alert about the next file of a kind that the window showed in that folder', () =>
    withService(async (one) => {
      await one.does(...uploads(1_000, 30), 'put /srv/mark/marker.php')
      await expectNamed(one.container, ['/srv/mark/marker.php'])
      const objects = received(one.container).map(({ behaviour }) => behaviour?.object)
      expect(objects.filter((object) => object?.startsWith('/srv/files/'))).toEqual([])
    }))

  test('a script among the files of the web, after four folders and twenty names of data', () =>
    withService(async (one) => {
      await one.does(...foldersOfData.flatMap((folder, at) => words(folder, 100 * at, 3)))
      await one.does(...words(lastFolder, 2_000, 25))
      await one.does('put /srv/web/shell.php')
      await expectNamed(one.container, ['/srv/web/shell.php'])
    }))

  test('each upload that a server or an interpreter may run or obey, in a folder of uploads', () =>
    withService(async (one) => {
      const kinds = 'phar php5 pht jspx asp war jar js rb lua yml shtml pyc cgi'.split(' ')
      const paths = kinds.map((kind, n) => `/srv/files/${nameOf(3_000 + n)}.${kind}`)
      await one.does(...paths.map((path) => `put ${path}`))
      await expectNamed(one.container, paths)
    }))

  test('each of thirty commands of the shell that the service runs', () =>
    withService(async (one) => {
      const said = numbers(4_000, 30).map(wordOf)
      await one.does(...said.map((word) => `do echo ${word} >/dev/null`))
      await expectNamed(one.container, said)
    }))

  test('the same file on all replicas, with the severity that one of them would have', async () => {
    const replicas = await Promise.all(Array.from({ length: 5 }, () => Service.start()))
    try {
      await Promise.all(replicas.map((one) => one.does('put /srv/all/all.php')))
      for (const { container } of replicas) await expectNamed(container, ['/srv/all/all.php'])
    } finally {
      await Promise.all(replicas.map((one) => one.stop()))
    }
  })
})
