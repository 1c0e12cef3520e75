import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Alert, severities } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/engine/api/engine-views.ts'
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
  if [ -e /jobs/job ]; then
    while read what rest; do
      case $what in
      put) echo x > "$rest" ;;
      do) /bin/sh -c "$rest" ;;
      esac
    done < /jobs/job
    rm /jobs/job
    echo done > /jobs/result
  fi
  sleep 0.1
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
    const options = { HostConfig: { Binds: [`${jobs}:/jobs`], NetworkMode: 'none' } }
    return new Service(await startContainer(docker, image, ['/app/run'], options), jobs)
  }

  async does(...lines: readonly string[]): Promise<void> {
    const result = join(this.#jobs, 'result')
    rmSync(result, { force: true })
    writeFileSync(join(this.#jobs, 'draft'), lines.map((line) => `${line}\n`).join(''))
    renameSync(join(this.#jobs, 'draft'), join(this.#jobs, 'job'))
    while (!existsSync(result)) await setTimeout(20)
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
const puts = (folder: string, from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `put /srv/${folder}/${nameOf(from + n)}.csv`)

beforeAll(async () => {
  const folders = ['files', 'one', 'two', 'three', 'four', 'five', 'web']
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: {
      '/app/run': service,
      ...Object.fromEntries(folders.map((name) => [`/srv/${name}/readme.txt`, `${name}\n`])),
    },
  })
  const learner = await startAgent({ docker: socket, config: learnerConfig })
  await withService(async (one) => {
    for (let n = 0; n < 5; n++) {
      await one.does(...puts('files', 8 * n, 8))
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

/** Fails with those that the sink does not have. */
async function expectNamed(container: Docker.Container, names: readonly string[]): Promise<void> {
  const missing = (): readonly string[] => {
    const texts = JSON.stringify(received(container))
    return names.filter((name) => !texts.includes(name))
  }
  await expect.poll(missing, { timeout: patienceMs }).toEqual([])
}

describe('a sink with the usual filter gets', () => {
  test('no alert about the next file of a kind that the window showed in that folder', () =>
    withService(async (one) => {
      await one.does(...puts('files', 1_000, 30), 'put /srv/web/marker.php')
      await expectNamed(one.container, ['/srv/web/marker.php'])
      const objects = received(one.container).map(({ behaviour }) => behaviour?.object)
      expect(objects.filter((object) => object?.startsWith('/srv/files/'))).toEqual([])
    }))

  test('a script among the files of the web, after four folders and twenty names of data', () =>
    withService(async (one) => {
      const volume = ['one', 'two', 'three', 'four'].flatMap((name, at) => puts(name, 100 * at, 3))
      await one.does(...volume)
      await one.does(...puts('five', 2_000, 25))
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
      const words = Array.from({ length: 30 }, (_, n) =>
        // No figures, which a shape would stand for.
        nameOf(4_000 + n).replaceAll(/\d/g, (digit) => 'ghijklmnop'[Number(digit)] ?? ''),
      )
      await one.does(...words.map((word) => `do echo ${word} >/dev/null`))
      await expectNamed(one.container, words)
    }))

  test('the same file on all replicas, with the severity that one of them would have', async () => {
    const replicas = await Promise.all(Array.from({ length: 5 }, () => Service.start()))
    try {
      await Promise.all(replicas.map((one) => one.does('put /srv/web/all.php')))
      for (const { container } of replicas) await expectNamed(container, ['/srv/web/all.php'])
    } finally {
      await Promise.all(replicas.map((one) => one.stop()))
    }
  })
})
