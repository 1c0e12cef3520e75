import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { Attack, FileLook, Look } from '../../eval/attack.ts'
import { attacks } from '../../eval/attacks.ts'
import { doingOf, doorProgram, inputOf } from '../../eval/door.ts'
import {
  buildImage,
  Container,
  newId,
  removeTree,
  unifiedHierarchy,
} from '../../sensor/container.ts'
import { Recorder } from '../../sensor/recorder.ts'
import { compile } from '../../fixtures/compiled-program.ts'
import { learn } from '../bypass-suite.ts'
import { Machine, type MachineOptions, withBpf, withoutBpf } from '../machine.ts'

/** The attacker's machine: an address in the container's own network, which has no other. */
const address = '192.0.2.7'
const port = 7_777
const setting = { data: '/data', file: '/data/allowed', address, port }

/** Everything that the attacks of the evaluation find in an image of Debian. */
function addDebianTo(image: string): void {
  const at = (path: string): string => {
    mkdirSync(dirname(join(image, path)), { recursive: true })
    return join(image, path)
  }
  const copy = (from: string, to = from): void => {
    copyFileSync(from, at(to))
    chmodSync(at(to), 0o755)
  }
  const libraries = execFileSync('ldd', ['/usr/bin/touch'], { encoding: 'utf8' })
  for (const [, path] of libraries.matchAll(/(\/\S+) \(0x/g)) if (path !== undefined) copy(path)
  copy('/usr/bin/touch')
  for (const program of ['dpkg', 'diff']) copy('/usr/bin/true', `/usr/bin/${program}`)
  for (const program of ['sh', 'id']) symlinkSync('busybox', at(`/bin/${program}`))
  symlinkSync('/proc/self/fd', at('/dev/fd'))
  for (const folder of ['cron.d', 'systemd/system'])
    mkdirSync(join(image, 'etc', folder), { recursive: true })
  mkdirSync(join(image, 'root'))
  writeFileSync(at('/etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(at('/etc/shadow'), 'root:*:20000:0:99999:7:::\n', { mode: 0o600 })
  writeFileSync(at('/etc/debian_version'), '13.2\n')
}

interface Contained {
  readonly id: string
  /** Of its files, from outside. */
  readonly root: string
  run(command: string): Promise<string>
  stop(): Promise<void>
}

/** A kernel with a sensor. */
interface Ground {
  readonly recorder: Recorder
  readonly cgroups: string
  readonly door: string
  /** Outside of containers. */
  run(line: string): Promise<string>
  contain(): Promise<Contained>
  close(): Promise<void>
}

async function inMachine(options: MachineOptions): Promise<Ground> {
  const addTo = (root: string): void => {
    addDebianTo(join(root, 'image'))
    copyFileSync(doorProgram(), join(root, 'bin/door'))
  }
  const machine = await Machine.boot({ ...options, addTo })
  const recorder = new Recorder({ sensorPath: machine.sensorPath })
  return {
    recorder,
    cgroups: '/sys/fs/cgroup',
    door: '/bin/door',
    run: (line) => machine.run(line),
    contain: async () => {
      const container = await machine.container(newId(), '/bin/bypass serve')
      return Object.assign(container, { root: `/run/${container.id}/root` })
    },
    close: async () => {
      await recorder.stop()
      await machine.stop()
    },
  }
}

function onThisKernel(): Promise<Ground> {
  const base = buildImage()
  const image = join(base, 'image')
  copyFileSync(compile('fixtures/bypass-acts.c'), join(image, 'bin/bypass'))
  writeFileSync(join(image, 'data/allowed'), 'allowed\n')
  addDebianTo(image)
  const recorder = new Recorder()
  return Promise.resolve({
    recorder,
    cgroups: unifiedHierarchy(),
    door: doorProgram(),
    run: (line) =>
      Promise.resolve(execFileSync('sh', ['-c', line], { encoding: 'utf8' }).trimEnd()),
    contain: () => Promise.resolve(new Container(base, 'bypass')),
    close: async () => {
      await recorder.stop()
      removeTree(base)
    },
  })
}

/** What is left of an attack, and what the sensor said. */
interface Outcome {
  readonly happened: boolean
  readonly reported: readonly ActEvent[]
}

/** A container, which an attacker enters from outside: see `door.c`. */
class Victim {
  readonly container: Contained
  readonly #ground: Ground
  readonly #pid: string
  readonly #listener: string

  private constructor(ground: Ground, container: Contained, pid: string, listener: string) {
    this.#ground = ground
    this.container = container
    this.#pid = pid
    this.#listener = listener
  }

  static async on(ground: Ground): Promise<Victim> {
    const container = await ground.contain()
    // It answers once it runs.
    await container.run('fork\nend')
    const pid = await ground.run(`head -n 1 ${ground.cgroups}/${container.id}/cgroup.procs`)
    const inside = `nsenter -t ${pid} -n`
    await ground.run(`${inside} ip addr add ${address}/32 dev lo`)
    await ground.run(`${inside} ip route add 169.254.0.0/16 dev lo`)
    const listen = `busybox nc -ll -p ${port} -e /bin/true`
    const listener = await ground.run(`${inside} ${listen} </dev/null >/dev/null 2>&1 & echo $!`)
    return new Victim(ground, container, pid, listener)
  }

  async stop(): Promise<void> {
    await this.#ground.run(`kill ${this.#listener}`)
    await this.container.stop()
  }

  async #look(): Promise<Look> {
    const { root } = this.container
    const folders = ['data', 'etc', 'root', 'tmp', 'usr/bin'].map((name) => `${root}/${name}`)
    const line = `find ${folders.join(' ')} -exec stat -c '%f %s %Y %n' {} +`
    const files = new Map<string, FileLook>()
    for (const row of (await this.#ground.run(line)).split('\n')) {
      const [mode, size, modified, ...name] = row.split(' ')
      files.set(name.join(' ').slice(root.length), {
        mode: Number.parseInt(mode ?? '', 16),
        size: Number(size),
        mtimeMs: Number(modified) * 1_000,
      })
    }
    const counters = await this.#ground.run(`cat /proc/${this.#pid}/net/snmp`)
    const counted = (protocol: string, name: string): number => {
      const [names, values] = counters.split('\n').filter((row) => row.startsWith(`${protocol}:`))
      return Number(values?.split(' ')[names?.split(' ').indexOf(name) ?? -1])
    }
    // Nobody takes its datagrams.
    const received = counted('Tcp', 'PassiveOpens') + counted('Udp', 'NoPorts')
    return { stat: (path) => files.get(path), text: () => '', received }
  }

  async suffers(attack: Attack): Promise<Outcome> {
    const { recorder, door } = this.#ground
    recorder.messages.length = 0
    const before = await this.#look()
    const input = inputOf(attack.calls(setting)).replaceAll('\n', '\\n')
    const doing = doingOf(
      await this.#ground.run(`printf '${input}' | ${door} ${this.#pid} || true`),
    )
    await recorder.source.obeyed()
    const happened = attack.happened(doing, before, await this.#look(), setting)
    return { happened, reported: recorder.acts(this.container.id) }
  }
}

/** Names and attributes are changed as a call returns: by tracepoints Snug sees it only then. */
const changes = [
  'a cron job',
  'a unit',
  'an SSH key',
  'a preload file',
  'a web shell among the data',
  'a hidden configuration among the data',
  'a hidden folder',
  "a data file's time set back",
  'a link to the accounts among the data',
  'a data file made empty',
  'a data file renamed for ransom',
  'a file of the image deleted',
]

describe.each([
  { how: 'BPF LSM', open: () => inMachine({ append: withBpf }), passes: [] },
  { how: 'fmod_ret', open: () => inMachine({ append: withoutBpf }), passes: [] },
  { how: 'tracepoints, on this kernel', open: onThisKernel, passes: changes },
])('of the attacks of the evaluation, by $how', ({ open, passes }) => {
  let ground: Ground
  let works: readonly Attack[] = []

  beforeAll(async () => {
    ground = await open()
    await ground.recorder.running()
    // Each attack is reported, however often another one did the same.
    await ground.recorder.everyEvent()
  })

  afterAll(() => ground.close())

  it('each has its effect where nothing blocks', async () => {
    const victim = await Victim.on(ground)
    const without: string[] = []
    for (const attack of attacks) {
      const { happened } = await victim.suffers(attack)
      if (!happened) without.push(attack.name)
    }
    await victim.stop()
    works = attacks.filter(({ name }) => !without.includes(name))
    expect(without).toEqual([])
  })

  it('block mode stops all but these, and reports each as what it was', async () => {
    const victim = await Victim.on(ground)
    const { container } = victim
    await learn({
      id: container.id,
      recorder: ground.recorder,
      run: (command) => container.run(command),
    })
    const passed: string[] = []
    const untrue: string[] = []
    for (const attack of works) {
      const { happened, reported } = await victim.suffers(attack)
      if (happened) passed.push(attack.name)
      const said = reported.map(({ enforced }) => enforced ?? 'alerted')
      const admits = said.some((one) => one === 'missed')
      if (said.length === 0 || (happened && !admits)) untrue.push(`${attack.name}: ${said.join()}`)
    }
    await victim.stop()
    expect(untrue).toEqual([])
    expect(passed).toEqual(passes)
  })
})
