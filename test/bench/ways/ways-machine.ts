import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nginxRoot } from '../../fixtures/images.ts'
import { Machine, withBpf } from '../../qemu/machine.ts'
import type { Platform } from '../../qemu/platform.ts'
import { type AnyLoop, addLoops, timed } from '../overhead-service.ts'
import { SwitchedSensor } from '../switched-sensor.ts'

export type Way = 'fmod_ret' | 'lsm' | 'tracepoints'

/** Instructions of a whole machine for one request, and those of the service's processes alone. */
export interface Request {
  readonly all: number
  readonly service: number
}

/** Three containers in a machine whose clock counts instructions, with a sensor for each way to attach. */
export interface WaysMachine {
  readonly release: string
  readonly sensors: ReadonlyMap<Way, SwitchedSensor>
  /** Of the containers: the loops, nginx and redis. */
  readonly containers: readonly [loops: string, web: string, cache: string]
  /** Instructions for one turn of a loop. */
  loop(name: AnyLoop, ms: number): Promise<number>
  web(seconds: number): Promise<Request>
  cache(requests: number): Promise<Request>
  stop(): Promise<void>
}

const lifetimeSeconds = 3 * 3_600

export async function bootWays(platform: Platform, ways: readonly Way[]): Promise<WaysMachine> {
  const services = await nginxRoot()
  const machine = await Machine.boot({
    platform,
    append: withBpf,
    countsInstructions: true,
    sensors: ways.length,
    lifetimeSeconds,
    addTo: (root) => {
      addServices(join(root, 'services'), services)
      addLoopImage(join(root, 'loops'))
      for (const program of ['/usr/bin/wrk', '/usr/bin/redis-benchmark']) addProgram(root, program)
    },
  })
  const sensors = new Map<Way, SwitchedSensor>()
  const stop = async (): Promise<void> => {
    for (const sensor of sensors.values()) await sensor.stop()
    await machine.stop()
  }
  try {
    for (const [index, way] of ways.entries())
      sensors.set(way, await startSensor(machine, machine.sensorPaths[index] ?? '', way))
    const names = ['loops', 'web', 'cache'].map(() => randomBytes(32).toString('hex'))
    const [loops = '', web = '', cache = ''] = names
    const program = await machine.container(loops, '/overhead serve', '/loops')
    await machine.container(web, "/usr/sbin/nginx -g 'daemon off;'", '/services')
    await machine.container(cache, '/usr/bin/redis-server /etc/redis/bench.conf', '/services')
    await listens(machine, web, 80)
    await listens(machine, cache, 6379)
    return {
      release: machine.release,
      sensors,
      containers: [loops, web, cache],
      loop: async (name, ms) => timed(await program.line(`${name} ${ms}`)).cpu,
      web: (seconds) =>
        requests(
          machine,
          web,
          `wrk -t 1 -c 8 -d ${seconds}s http://127.0.0.1:80/one.html`,
          (printed) => [
            Number(/(\d+) requests in/.exec(printed)?.[1]),
            Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1]),
          ],
        ),
      cache: (count) =>
        requests(
          machine,
          cache,
          `redis-benchmark --csv -P 16 -c 20 -n ${count} -t get`,
          (printed) => [count, Number(/^"GET[^"]*","([\d.]+)"/im.exec(printed)?.[1])],
        ),
      stop,
    }
  } catch (error) {
    console.error(machine.log.slice(-4000))
    await stop()
    throw error
  }
}

function startSensor(machine: Machine, sensorPath: string, way: Way): Promise<SwitchedSensor> {
  const sensorArguments = ['--hooks', way]
  const own = `grep -q "hooks.${way}" /proc/$pid/cmdline`
  return SwitchedSensor.start({
    sensorPath,
    sensorArguments,
    signal: (name) =>
      machine.run(`for pid in $(pidof snug-sensor); do ${own} && kill -${name} $pid; done; true`),
    log: () => machine.log,
  })
}

/** `counted` finds in the load program's output how many requests there were, and how many a second. */
async function requests(
  machine: Machine,
  container: string,
  load: string,
  counted: (printed: string) => readonly [count: number, rate: number],
): Promise<Request> {
  const group = `/sys/fs/cgroup/${container}`
  const used = `grep usage_usec ${group}/cpu.stat`
  const inside = `nsenter -n -t $(head -n 1 ${group}/cgroup.procs)`
  const printed = await machine.run(`${used}; ${inside} ${load}; ${used}`)
  const [before, after] = [...printed.matchAll(/^usage_usec (\d+)$/gm)].map(([, us]) => Number(us))
  const [count, rate] = counted(printed)
  const service = ((after ?? Number.NaN) - (before ?? Number.NaN)) * 1_000
  if (!(count > 0 && rate > 0 && service > 0) || /Non-2xx|Socket errors/.test(printed))
    throw new Error(`a load failed:\n${printed}`)
  return { all: 1e9 / rate, service: service / count }
}

async function listens(machine: Machine, container: string, port: number): Promise<void> {
  const first = `$(head -n 1 /sys/fs/cgroup/${container}/cgroup.procs)`
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const does = `grep -q ':${hex} [0-9A-F:]* 0A ' /proc/${first}/net/tcp 2>/dev/null`
  await machine.run(`for try in $(seq 300); do ${does} && break; sleep 0.1; done; ${does}`)
}

function addServices(root: string, tar: string): void {
  mkdirSync(root)
  const unused = ['./dev/*', './usr/lib/*/gconv', './usr/lib/*/perl-base', './var/cache/*']
  const excluded = unused.map((path) => `--exclude=${path}`)
  execFileSync('tar', [...excluded, '-C', root, '-xf', tar])
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  writeFileSync(join(root, 'etc/redis/bench.conf'), 'save ""\ndir /var/lib/redis\n')
  writeFileSync(join(root, 'var/www/html/one.html'), '<h1>one</h1>\n')
}

function addLoopImage(root: string): void {
  for (const name of ['bin', 'mnt', 'proc', 'dev']) mkdirSync(join(root, name), { recursive: true })
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  addLoops(root)
}

/** With the libraries that it needs. */
function addProgram(root: string, program: string): void {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' })
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? [])
  for (const path of libraries) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    copyFileSync(path, join(root, path))
    chmodSync(join(root, path), 0o755)
  }
  copyFileSync(program, join(root, 'bin', program.slice(program.lastIndexOf('/') + 1)))
}
