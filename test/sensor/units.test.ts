import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { globs } from '../../src/core/match/glob.ts'
import { unitPatterns } from '../../src/core/match/unit-globs.ts'
import { removeCgroup } from '../fixtures/cgroups.ts'
import { drawn } from '../fixtures/seed.ts'
import { detachKernelState } from '../../src/agent/pipeline/sources/ebpf/sensor-process.ts'
import { unifiedHierarchy } from './container.ts'
import { Recorder } from './recorder.ts'

const patterns = ['ab*.service', 'a?b.service', '*@b*', '{c,d}-*.service', '*-*-a.service', 'b*']

/** A slice of the test, with units as systemd makes them. */
class Slice {
  readonly path = `/snugtest${randomBytes(4).toString('hex')}.slice`

  constructor() {
    this.make('')
  }

  make(unit: string): void {
    mkdirSync(join(unifiedHierarchy(), this.path, unit), { recursive: true })
  }

  move(pid: number, unit: string): void {
    writeFileSync(join(unifiedHierarchy(), this.path, unit, 'cgroup.procs'), `${pid}`)
  }

  remove(unit = ''): Promise<void> {
    return removeCgroup(join(unifiedHierarchy(), this.path, unit))
  }
}

/** A shell in a unit that runs one line after the other. */
class Shell {
  readonly #child: ChildProcess
  readonly #lines

  constructor(slice: Slice, unit: string) {
    const procs = join(unifiedHierarchy(), slice.path, unit, 'cgroup.procs')
    this.#child = spawn('sh', ['-c', `echo 0 >${procs}; exec sh`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#lines = createInterface({ input: this.#child.stdout! })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async run(line: string): Promise<void> {
    const done = once(this.#lines, 'line')
    this.#child.stdin?.write(`${line}\necho done\n`)
    await done
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    await once(this.#child, 'close')
  }
}

/** A line that reads a file of the host, and names the slice: other tests run the same program meanwhile. */
const readIn = (slice: Slice): string =>
  `cat /etc/hostname ${join(unifiedHierarchy(), slice.path, 'cgroup.procs')}`

/** The runs of these lines, of any container. */
function readsIn(recorder: Recorder, slice: Slice): readonly ActEvent[] {
  const isOurs = (event: ActEvent): boolean =>
    event.process.args?.some((argument) => argument.includes(slice.path)) === true
  return recorder.acts().filter((event) => event.kind === 'exec' && isOurs(event))
}

function startedIn(recorder: Recorder, slice: Slice): readonly string[] {
  return recorder.messages.flatMap((message) => {
    if (message.type !== 'container-started') return []
    const { cgroup } = message.container
    return cgroup.startsWith(`${slice.path}/`) ? [cgroup.slice(slice.path.length + 1)] : []
  })
}

function idOf(recorder: Recorder, slice: Slice, unit: string): string {
  const ids = recorder.messages.flatMap((message) =>
    message.type === 'container-started' && message.container.cgroup === `${slice.path}/${unit}`
      ? [message.container.id]
      : [],
  )
  return ids.at(-1) ?? 'none'
}

describe('the sensor, where units of systemd are watched,', () => {
  let slice: Slice
  let recorder: Recorder
  let kernelState: string | undefined
  const shells: Shell[] = []

  beforeEach(() => {
    slice = new Slice()
  })
  afterEach(async () => {
    for (const shell of shells.splice(0)) await shell.end()
    await recorder.stop()
    if (kernelState !== undefined) await detachKernelState(kernelState)
    kernelState = undefined
    await slice.remove()
  })

  function shellIn(unit: string): Shell {
    const shell = new Shell(slice, unit)
    shells.push(shell)
    return shell
  }

  async function watch(units: readonly string[]): Promise<void> {
    const plain = unitPatterns(units)
    if (typeof plain === 'string') throw new Error(plain)
    recorder = new Recorder({ units: plain, ...(kernelState === undefined ? {} : { kernelState }) })
    await recorder.running()
  }

  it('takes exactly the units that the globs match, those that run and those that start', async () => {
    const draw = drawn()
    const below = (most: number): number => Math.floor(draw() * most)
    const names = new Set<string>()
    while (names.size < 150) {
      const size = 1 + below(6)
      const letters = Array.from({ length: size }, () => 'abcd-@.'.charAt(below(7)))
      const kind = below(8) === 0 ? '.socket' : '.service'
      const name = letters.join('') + kind
      if (!/^[.@]/.test(name)) names.add(name)
    }
    const [before, after] = [[...names].slice(0, 75), [...names].slice(75)]
    before.forEach((name) => slice.make(name))
    await watch(patterns)
    after.forEach((name) => slice.make(name))
    await recorder.source.obeyed()
    const matches = globs(patterns)
    const expected = [...names].filter((name) => name.endsWith('.service') && matches(name))
    expect(expected.length).toBeGreaterThan(20)
    expect(startedIn(recorder, slice).toSorted()).toEqual(expected.toSorted())
  })

  it('takes no cgroup that a unit or a scope has made and named', async () => {
    const made = ['x.scope', 'other.service', 'user.slice/user@1.service/app.slice']
    made.forEach((folder) => slice.make(join(folder, 'b1.service')))
    await watch(['b*.service'])
    made.forEach((folder) => slice.make(join(folder, 'b2.service')))
    slice.make('sub.slice/b3.service')
    await recorder.source.obeyed()
    expect(startedIn(recorder, slice)).toEqual(['sub.slice/b3.service'])
  })

  it('gives each run of a unit an id, which a later sensor gives it too', async () => {
    slice.make('b.service')
    await watch(['b.service'])
    const first = idOf(recorder, slice, 'b.service')
    await recorder.stop()
    await watch(['b.service'])
    expect(idOf(recorder, slice, 'b.service')).toBe(first)
    await slice.remove('b.service')
    slice.make('b.service')
    await recorder.source.obeyed()
    const second = idOf(recorder, slice, 'b.service')
    expect([first, second].every((id) => /^[0-9a-f]{64}$/.test(id))).toBe(true)
    expect(second).not.toBe(first)
  })

  it('lets go of units that an earlier sensor watched, and keeps the run of the others', async () => {
    kernelState = `/sys/fs/bpf/snug-test-${randomBytes(4).toString('hex')}`
    for (const unit of ['b.service', 'c.service']) slice.make(unit)
    await watch(['{b,c}.service'])
    const both = [shellIn('b.service'), shellIn('c.service')]
    for (const shell of both) await shell.run(':')
    await recorder.source.obeyed()
    const kept = idOf(recorder, slice, 'b.service')
    await recorder.stop()
    await watch(['b.service'])
    for (const shell of both) await shell.run(readIn(slice))
    await recorder.source.obeyed()
    expect(recorder.source.stats.facts['kernel-state.kept']).toMatch(/^yes/)
    expect(startedIn(recorder, slice)).toEqual(['b.service'])
    expect(readsIn(recorder, slice).map(({ container }) => container.id)).toEqual([kept])
  })

  it.each([
    ['that starts', true],
    ['that runs before the sensor', false],
  ])('reports what a unit %s does in the mount namespace of the host', async (_how, isNew) => {
    slice.make('b.service')
    slice.make('c.service')
    const early = isNew ? undefined : shellIn('b.service')
    await early?.run(':')
    await watch(['b.service'])
    const other = shellIn('c.service')
    const shell = early ?? shellIn('b.service')
    await shell.run(readIn(slice))
    await other.run(readIn(slice))
    await recorder.source.obeyed()
    const id = idOf(recorder, slice, 'b.service')
    expect(readsIn(recorder, slice)).toMatchObject([
      { container: { id }, exec: { drift: false }, process: { origin: 'entrypoint' } },
    ])
    expect(recorder.acts(id)).toContainEqual(
      expect.objectContaining({
        kind: 'file',
        file: expect.objectContaining({ path: '/etc/hostname', access: ['read'] }) as unknown,
      }),
    )
  })

  it('lets go of a process that systemd moves to a session, and of none that moves itself', async () => {
    for (const unit of ['b.service', 'x.scope']) slice.make(unit)
    await watch(['b.service'])
    const [login, fugitive] = [shellIn('b.service'), shellIn('b.service')]
    await login.run('head -c1 /etc/hostname')
    const scope = join(unifiedHierarchy(), slice.path, 'x.scope/cgroup.procs')
    await fugitive.run(`echo $$ >${scope}`)
    slice.move(login.pid, 'x.scope')
    await login.run('tail -c1 /etc/hostname')
    await fugitive.run('wc /etc/hostname')
    await recorder.source.obeyed()
    const ran = recorder
      .acts(idOf(recorder, slice, 'b.service'))
      .flatMap((event) => (event.kind === 'exec' ? [event.exec.path] : []))
    expect(ran).toContain('/usr/bin/head')
    expect(ran).toContain('/usr/bin/wc')
    expect(ran).not.toContain('/usr/bin/tail')
  })
})
