import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { Notebooks, notebookImage } from '../fixtures/notebook.ts'
import { patienceMs } from '../fixtures/patience.ts'
import { addressOf } from '../fixtures/service-images.ts'

/**
 * Jupyter of Debian as class `open`. Its window shows two notebooks, and each day after it another one, with other
 * modules, programs and files.
 */
const image = `${uniqueName('notebook')}:1`
const peerImage = `${uniqueName('peer')}:1`
const { docker, socket } = sharedEngine()
const port = 8080
const serve = ['/bin/sh', '-c', `while true; do nc -l -p ${port} </dev/null; done`]
const made: Docker.Container[] = []
let agent: Agent
let notebooks: Notebooks
let known = ''
let stranger = ''

async function peer(name: string): Promise<string> {
  const container = await startContainer(docker, peerImage, serve, { name: uniqueName(name) })
  made.push(container)
  return addressOf(container)
}

const asks = (address: string): string =>
  `import socket\nsocket.create_connection(('${address}', ${port}), 5).close()\nprint('asked')`

/** Data that is made, read and put under version control, with a script that runs by itself. */
function notebook(name: string, own: string): readonly string[] {
  return [
    `import os\nos.makedirs('/notebooks/${name}', exist_ok=True)\nos.chdir('/notebooks/${name}')`,
    `import csv\nwith open('table.csv', 'w') as f:\n    csv.writer(f).writerows([[i, i * i] for i in range(50)])`,
    own,
    asks(known),
    `open('step.py', 'w').write('print(6 * 7)')\n!python3 step.py`,
    `!git init -q . && git add -A && git -c user.name=jo -c user.email=jo@shop.example commit -qm ${name}`,
    `print('done ${name}')`,
  ]
}

const days = [
  `import sqlite3\nsqlite3.connect('shop.db').execute('create table t (a)')`,
  `import zipfile\nzipfile.ZipFile('all.zip', 'w').write('table.csv')`,
  `import xml.etree.ElementTree as e\ne.ElementTree(e.Element('a')).write('a.xml')`,
  `!sort -rn table.csv | head -3 > top.txt && gzip -k top.txt`,
  `import multiprocessing as m\nprint(m.get_context('fork').Pool(2).map(abs, [-1, 2]))`,
  `import tempfile, shutil\nd = tempfile.mkdtemp()\nshutil.copy('table.csv', d)\nshutil.rmtree(d)`,
  `import statistics, decimal, html, logging.handlers\nopen('log.txt', 'a').write(str(statistics.mean([1, 2])))`,
] as const

async function openAlerts(): Promise<readonly Alert[]> {
  const list = await agent.json<Alert[]>(['alert', 'list', '--image', image, '--limit', '200'])
  return list.filter(({ decision }) => decision === undefined)
}

const text = ({ behaviour, reasons }: Alert): string =>
  [behaviour?.text ?? '', ...reasons].join('; ')

beforeAll(async () => {
  await notebookImage(docker, image)
  await busyboxImage(docker, { name: peerImage, labels: { test: peerImage } })
  known = await peer('data')
  stranger = await peer('stranger')
  agent = await startAgent({ docker: socket, config: learnerConfig })
  const container = await startContainer(docker, image, undefined)
  made.push(container)
  notebooks = new Notebooks(await addressOf(container))
  await vi.waitUntil(() => notebooks.answers(), { timeout: patienceMs, interval: 500 })
  for (const name of ['first', 'second'])
    expect(await notebooks.work(name, notebook(name, 'print(1)'))).toContain(`done ${name}`)
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text: line }) => line.includes('second.ipynb')),
  )
  await agent.json(['profile', 'class', image, 'open', '--reason', 'notebooks'])
  agent = await startLearned(agent, socket, [image])
  for (const { id } of await openAlerts())
    await agent.json(['alert', 'ack', id, '--reason', 'known'])
})

afterAll(async () => {
  for (const container of made) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

/** What a cell of an intruder does, the cell, and the name of it in the alert. */
const strict = [
  ['a private key is read', `print(open('/root/.ssh/id_rsa').read())`, '/root/.ssh/id_rsa'],
  [
    'a scheduled job is written',
    `print(open('/etc/cron.d/x', 'w').write('* * * * * root /x\\n'))`,
    '/etc/cron.d/x',
  ],
  [
    'a neighbour is traced',
    // PTRACE_SEIZE: an attachment would stop the server.
    `import ctypes\nprint('traced', ctypes.CDLL(None).ptrace(0x4206, 1, 0, 0))`,
    'ptrace',
  ],
] as const

test('a week of other notebooks raises at most five alerts', async () => {
  for (const [day, own] of days.entries()) {
    const name = `day-${day}`
    expect(await notebooks.work(name, notebook(name, own))).toContain(`done ${name}`)
  }
  // What happens last in a container is judged last.
  await notebooks.work('last', [strict[0][1]])
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some((alert) => text(alert).includes(strict[0][2])),
  )
  const others = (await openAlerts()).map(text).filter((line) => !line.includes(strict[0][2]))
  expect(others.length, others.join('\n')).toBeLessThanOrEqual(5)
})

test.each(strict)('where %s, an alert names it', async (_, cell, named) => {
  await notebooks.work('odd', [cell])
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some((alert) => alert.decision === undefined && text(alert).includes(named)),
  )
})

test('where a new peer is asked, an alert names it', async () => {
  expect(await notebooks.work('odd', [asks(stranger)])).toContain('asked')
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (alerts) =>
    alerts.some(({ event }) => event.kind === 'connect' && event.connect.address === stranger),
  )
})

test('in block mode the kernel stops each of these, and notebooks go on', async () => {
  await setMode(agent, image, 'block')
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blocking?.kernel.blocks === true,
  )
  expect(await notebooks.work('blocked', notebook('blocked', days[0]))).toContain('done blocked')
  const printed = async (cell: string): Promise<string> =>
    notebooks.work('odd', [cell]).catch((error: unknown) => String(error))
  expect(await printed(strict[0][1])).not.toContain('a key')
  expect(await printed(strict[2][1])).not.toContain('traced 0')
  expect(await printed(asks(stranger))).not.toContain('asked')
  await printed(`open('/etc/cron.d/y', 'w').write('* * * * * root /x\\n')`)
  expect(
    await printed(
      `import os\nprint(os.path.exists('/etc/cron.d/y') and os.path.getsize('/etc/cron.d/y') > 0)`,
    ),
  ).toContain('False')
  expect(await notebooks.answers()).toBe(true)
})
