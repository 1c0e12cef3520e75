import { amd64, backports, type Platform } from '../../qemu/platform.ts'
import type { Bench, Setting } from '../bench.ts'
import { type Figure, type Limit, paired } from '../figures.ts'
import { bootWays, type Way, type WaysMachine } from './ways-machine.ts'

const sliceMs = 10
const webSeconds = 1
/** The load program counts milliseconds. */
const cacheRequests = 100_000

const atMost = (value: number): Omit<Limit, 'of'> => ({ at: 'most', value })
const atLeast = (value: number): Omit<Limit, 'of'> => ({ at: 'least', value })
type Asked = readonly [key: string, name: string, unit: string, limit?: Omit<Limit, 'of'>]

const loops = ['open', 'drawn', 'exec', 'connect', 'call'] as const
const ofLoops: readonly Asked[] = [
  ['open', 'open + close', 'instructions', atMost(1.05)],
  ['drawn', 'open + close, by a pattern', 'instructions'],
  ['exec', 'fork + exec + wait', 'instructions', atMost(1.05)],
  ['connect', 'connect + accept', 'instructions', atMost(1.05)],
  // Of a system call that no hook is about.
  ['call', 'getpid', 'instructions', atMost(1.005)],
]
const ofServices: readonly Asked[] = [
  ['nginx', 'nginx', 'requests / 10⁹', atLeast(0.98)],
  ['nginx alone', 'nginx, a request without the client', 'instructions'],
  ['redis', 'redis', 'requests / 10⁹', atLeast(0.98)],
  ['redis alone', 'redis, a request without the client', 'instructions'],
]

/** By the key of what is asked. */
type Sample = ReadonlyMap<string, number>

interface Course {
  readonly platform: Platform
  readonly ways: readonly Way[]
  readonly asked: readonly Asked[]
}

const counted = 'in one virtual machine whose clock counts instructions'

/**
 * What known events cost by each way to attach, on one kernel that has all of them, in block mode. The clock of the
 * machine counts instructions. So other load does not change the figures. They do not tell what an instruction costs:
 * caches and branches that were predicted wrongly are not in them.
 */
export const waysBench: Bench = {
  name: 'ways',
  what: `each way to attach in turn on Debian 13's kernel, ${counted}`,
  run: (setting) =>
    compare(setting, {
      platform: amd64,
      ways: ['fmod_ret', 'lsm', 'tracepoints'],
      asked: [...ofLoops, ...ofServices],
    }),
}

/** The same on a kernel that preempts programs, where probes stand behind the hooks. */
export const probesBench: Bench = {
  name: 'probes',
  what: `security hooks with probes on the newest kernel of Debian, ${counted}`,
  run: (setting) =>
    compare(setting, { platform: backports, ways: ['fmod_ret', 'lsm'], asked: ofLoops }),
}

async function compare({ runs, print }: Setting, course: Course): Promise<readonly Figure[]> {
  const machine = await bootWays(course.platform, course.ways)
  try {
    print(`  Linux ${machine.release} is up`)
    await learn(machine)
    print('  its containers are learned')
    const measured = await measure(machine, course, runs, print)
    for (const sensor of machine.sensors.values()) sensor.assertQuiet()
    return figuresOf(measured, course)
  } finally {
    await machine.stop()
  }
}

async function learn(machine: WaysMachine): Promise<void> {
  for (const loop of ['open', 'learned', 'exec', 'connect', 'call'] as const)
    await machine.loop(loop, 1)
  await machine.web(webSeconds)
  await machine.cache(cacheRequests)
  for (const sensor of machine.sensors.values()) {
    await sensor.learn(...machine.containers)
    await sensor.enforce('block')
    await sensor.attach(false)
  }
}

type Measured = ReadonlyMap<Way | 'bare', readonly Sample[]>

async function measure(
  machine: WaysMachine,
  { ways, asked }: Course,
  runs: number,
  print: (line: string) => void,
): Promise<Measured> {
  const all = ['bare', ...ways] as const
  const measured = new Map<Way | 'bare', Sample[]>(all.map((way) => [way, []]))
  const hasServices = asked.some(([key]) => key === 'nginx')
  for (let run = 0; run < runs; run++) {
    for (const index of all.keys()) {
      const way = all[(run + index) % all.length] ?? 'bare'
      const sensor = way === 'bare' ? undefined : machine.sensors.get(way)
      await sensor?.attach(true)
      const found = await sample(machine, hasServices)
      measured.get(way)?.push(found)
      await sensor?.attach(false)
      print(
        `  ${way}: ${[...found].map(([key, value]) => `${key} ${value.toFixed(0)}`).join(', ')}`,
      )
    }
    print(`  run ${run + 1} of ${runs}`)
  }
  return measured
}

async function sample(machine: WaysMachine, hasServices: boolean): Promise<Sample> {
  const found = new Map<string, number>()
  for (const loop of loops) found.set(loop, await machine.loop(loop, sliceMs))
  if (!hasServices) return found
  for (const [name, { all, service }] of [
    ['nginx', await machine.web(webSeconds)],
    ['redis', await machine.cache(cacheRequests)],
  ] as const) {
    found.set(name, 1e9 / all)
    found.set(`${name} alone`, service)
  }
  return found
}

function figuresOf(measured: Measured, { ways, asked }: Course): readonly Figure[] {
  return ways.flatMap((way) =>
    asked.map(([key, name, unit, limit]) => {
      const of = (which: Way | 'bare'): number[] =>
        (measured.get(which) ?? []).map((found) => found.get(key) ?? Number.NaN)
      // Tracepoints are the last resort: nothing is asked of them.
      const wanted = way === 'tracepoints' ? undefined : limit
      return paired(`${name}, ${way}`, unit, of('bare'), of(way), wanted)
    }),
  )
}
