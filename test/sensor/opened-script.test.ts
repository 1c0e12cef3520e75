import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ExecEvent } from '../../src/core/event/event.ts'
import { guardrailsOn } from '../fixtures/event-fixture.ts'
import { drawn } from '../fixtures/seed.ts'
import { Acts, hex } from './acts.ts'
import { removeTree } from './container.ts'
import { oneSensor } from './one-sensor.ts'

const sensor = oneSensor()
const text = '#!/bin/busybox sh\n:\n'
let host: string
let acts: Acts

/** A folder of the host as a volume of the container, and as one that it cannot write to. */
beforeEach(() => {
  sensor.recorder.messages.length = 0
  host = mkdtempSync(join(tmpdir(), 'snug-volume-'))
  writeFileSync(join(host, 'before.sh'), text, { mode: 0o755 })
  acts = new Acts(sensor.image, undefined, undefined, (root) => {
    for (const [name, options] of [
      ['volume', 'bind'],
      ['config', 'bind,ro'],
    ] as const) {
      mkdirSync(join(root, name))
      execFileSync('mount', ['-o', 'bind', host, join(root, name)])
      if (options !== 'bind') execFileSync('mount', ['-o', `remount,${options}`, join(root, name)])
    }
  })
})
afterEach(async () => {
  await acts.stop()
  removeTree(host)
})

/** The executions of scripts, by the commands of a shell of the container. */
async function scriptsOf(commands: string): Promise<readonly ExecEvent[]> {
  const shell = ['/bin/busybox', 'busybox', 'sh', '-c', commands]
  expect(await acts.did([`+ run ${shell.map(hex).join(' ')}`])).toEqual(['0'])
  await sensor.recorder.source.obeyed()
  return sensor.recorder
    .acts(acts.id)
    .flatMap((event) => (event.kind === 'exec' && event.exec.script !== undefined ? [event] : []))
}

const codeOf = ({ exec }: ExecEvent): readonly unknown[] => [
  exec.script,
  exec.drift ? (exec.driftKind ?? 'drift') : 'of the image',
]

const write = (path: string): string =>
  `printf '#!/bin/busybox sh\\n:\\n' > ${path}; /bin/busybox chmod 755 ${path}`

describe('a script is the file that the kernel opened', () => {
  it('and not the path that its name has without its links', async () => {
    const made = [
      '/bin/busybox mkdir -p /tmp/a/b/c /tmp/a/etc',
      '/bin/busybox ln -s /tmp/a/b/c /tmp/l',
      write('/tmp/a/etc/script.sh'),
    ].join('; ')
    const [run, ...more] = await scriptsOf(`${made}; /tmp/l/../../etc/script.sh`)
    if (run === undefined) throw new Error('no script was seen')
    expect(codeOf(run)).toEqual(['/tmp/a/etc/script.sh', 'upper'])
    expect(guardrailsOn(run)).toEqual(['script-drift'])
    expect(more).toEqual([])
  })

  it('also by a relative name, by a descriptor, and where a script interprets it', async () => {
    const within = 'cd /tmp; ' + write('/tmp/inner.sh') + '; ./inner.sh; '
    const outer = `printf '#!/tmp/inner.sh\\n:\\n' > /tmp/outer.sh; /bin/busybox chmod 755 /tmp/outer.sh; `
    const runs = await scriptsOf(`${within}${outer}/tmp/outer.sh; /proc/self/fd/9 9</etc/script.sh`)
    expect(runs.map(codeOf)).toEqual([
      ['/tmp/inner.sh', 'upper'],
      ['/tmp/outer.sh', 'upper'],
      ['/etc/script.sh', 'of the image'],
    ])
  })

  it('which is the image’s by any name, and after a change of its mode', async () => {
    const runs = await scriptsOf(
      [
        '/etc/script.sh',
        '/bin/busybox chmod 700 /etc/script.sh',
        '/etc/script.sh',
        '/bin/busybox ln -s /etc /tmp/k',
        '/tmp/k/script.sh a',
      ].join('; '),
    )
    expect(new Set(runs.map((run) => codeOf(run).join(' ')))).toEqual(
      new Set(['/etc/script.sh of the image']),
    )
  })

  it('which is drift once it was opened to be changed', async () => {
    const runs = await scriptsOf('/etc/script.sh; echo : >> /etc/script.sh; /etc/script.sh')
    expect(runs.map(codeOf)).toEqual([
      ['/etc/script.sh', 'of the image'],
      ['/etc/script.sh', 'upper'],
    ])
  })
})

describe('the path of a script', () => {
  const steps = 250

  /** One step of somebody who gives folders and scripts other names. Many fail. */
  function drawnStep(n: number, random: () => number): string {
    const oneOf = <T>(all: readonly [T, ...T[]]): T =>
      all[Math.floor(random() * all.length)] ?? all[0]
    const folder = (): string => {
      const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        oneOf(['..', '.', 'a', 'b', 'c', 'l', 'm', '']),
      )
      return [oneOf(['/tmp', '/tmp/a', '/tmp/l', '/volume', '.', 'b']), ...parts].join('/')
    }
    const named = (): string => `${folder()}/${oneOf(['a', 'b', 'c', 'l', 'm'])}`
    const busybox = (words: string): string => `/bin/busybox ${words}`
    const change = oneOf([
      () => busybox(`mkdir -p ${named()}`),
      () => busybox(`mkdir -p ${named()}`),
      () => busybox(`ln -s ${folder()} ${named()}`),
      () => busybox(`mv ${named()} ${folder()}`),
      () => `bind ${folder()} ${named()}`,
      () => `cd ${folder()}`,
    ])
    return `{ ${change()}; run ${n} ${folder()} ${folder()}; } 2>/dev/null`
  }

  it('is where the kernel found it, whatever names it is given', async () => {
    const random = drawn()
    const lines = [
      'exec 8>/tmp/found',
      // Through another mount of the root, a file has the path that it has from the root.
      'bind() { [ "$(/bin/busybox readlink -f "$1")" = / ] || /bin/busybox mount -o bind "$1" "$2"; }',
      // A new script by a hard link of it, each time in a folder that may have several names.
      'run() {',
      '  /bin/busybox cp /etc/script.sh "$2/s$1"; /bin/busybox ln "$2/s$1" "$3/h$1"',
      '  for name in "$2/s$1" "$3/h$1"; do',
      '    [ -x "$name" ] && "$name" && /bin/busybox readlink -f "$name" >&8',
      '  done',
      '}',
      ...Array.from({ length: steps }, (_, n) => drawnStep(n, random)),
      ':',
    ]
    writeFileSync(join(host, 'steps.sh'), lines.join('\n'))
    const runs = await scriptsOf('. /volume/steps.sh')
    const upper = join(sensor.image, acts.id.slice(0, 12), 'upper')
    const found = readFileSync(join(upper, 'tmp/found'), 'utf8').trimEnd().split('\n')
    expect(found.length).toBeGreaterThan(steps / 2)
    expect(runs.map(({ exec }) => exec.script)).toEqual(found)
    expect(runs.filter(({ exec }) => !exec.drift)).toEqual([])
  })
})

describe('a file of the container that a mount gave the name of another', () => {
  it('is drift, as a script and as a program, also where that other was copied', async () => {
    const changed = [
      write('/tmp/mine.sh'),
      '/bin/busybox cp /bin/busybox /tmp/mine',
      // A copy in the container's layer that is as the image's file.
      '/bin/busybox chmod 700 /etc/script.sh /bin/workload',
      '/bin/busybox mount -o bind /tmp/mine.sh /etc/script.sh',
      '/bin/busybox mount -o bind /tmp/mine /bin/workload',
      '/bin/busybox mount -o bind /bin/busybox /bin/acts',
    ]
    const runs = await scriptsOf(
      `${changed.join('; ')}; /etc/script.sh; /bin/workload; /bin/acts; :`,
    )
    expect(runs.map(codeOf)).toEqual([['/etc/script.sh', 'mount']])
    const programs = sensor.recorder
      .acts(acts.id)
      .flatMap((event) => (event.kind === 'exec' && event.exec.drift ? [event.exec] : []))
    expect(programs.slice(-2)).toMatchObject([
      { path: '/bin/workload', drift: true, driftKind: 'mount' },
      { path: '/bin/acts', drift: true, driftKind: 'mount' },
    ])
  })
})

describe('a script of a mount', () => {
  it('is no drift where it is older than the container', async () => {
    const [run] = await scriptsOf('/volume/before.sh')
    expect(run && codeOf(run)).toEqual(['/volume/before.sh', 'of the image'])
  })

  it('is drift where it was written or changed since', async () => {
    const runs = await scriptsOf(
      `${write('/volume/later.sh')}; /volume/later.sh; echo : >> /volume/before.sh; /volume/before.sh`,
    )
    expect(runs.map(codeOf)).toEqual([
      ['/volume/later.sh', 'mount'],
      ['/volume/before.sh', 'mount'],
    ])
    expect(runs.map((event) => guardrailsOn(event))).toEqual([['script-drift'], ['script-drift']])
  })

  it('is no drift where no process of the container can write to the mount', async () => {
    writeFileSync(join(host, 'later.sh'), text, { mode: 0o755 })
    const [run] = await scriptsOf('/config/later.sh')
    expect(run && codeOf(run)).toEqual(['/config/later.sh', 'of the image'])
  })
})
