import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportProfile } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { nginxRoot } from '../fixtures/images.ts'
import type { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import type { Machine, MachineOptions, VmContainer } from './machine.ts'
import type { SensorMachine } from './sensor-machine.ts'

/**
 * This machine's kernel need not have AppArmor; Debian's has. There nginx is learned by the sensor, and its exported profile
 * put into that kernel.
 */
const image = { repository: 'shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const nginx = '/usr/sbin/nginx'
/** Of full load on nginx; `SNUG_LOAD_SECONDS` for the record. */
const loadSeconds = Number(process.env['SNUG_LOAD_SECONDS'] ?? 3)
/** Large files that nginx never reads. */
const left = [
  './usr/share/[!n]*',
  './var/lib/apt/*',
  './var/lib/dpkg/*',
  './var/cache/*',
  './dev/*',
]
const serve = 'while read -r line; do eval "$line" 2>&1; echo done; done\n'
const page = 'http://127.0.0.1:80/index.nginx-debian.html'

let machine: Machine
let recorder: Recorder
let name = ''
const containers: VmContainer[] = []

/** Started as Debian starts its kernel, with AppArmor. Its root has nginx. */
export async function machineWithNginx(): Promise<MachineOptions> {
  const tar = await nginxRoot()
  return { append: '', addTo: (root) => serviceImage(join(root, 'service'), tar) }
}

/** Debian's files with nginx, and beside them the client that loads it. */
function serviceImage(root: string, tar: string): void {
  mkdirSync(root)
  execFileSync('tar', ['-C', root, ...left.map((path) => `--exclude=${path}`), '-xf', tar])
  const libraries = execFileSync('ldd', ['/usr/bin/wrk'], { encoding: 'utf8' })
  const needed = [...libraries.matchAll(/(\/\S+)\s+\(0x/g)].flatMap(([, path]) => path ?? [])
  // The client gets its own loader and libc, as nginx is linked to those of the image.
  for (const path of needed) install(path, join(root, 'client', path.slice(path.lastIndexOf('/'))))
  install('/usr/bin/wrk', join(root, 'client/wrk'))
  install('/bin/busybox', join(root, 'usr/bin/busybox'))
  writeFileSync(join(root, 'serve'), serve)
}

function install(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  chmodSync(to, 0o755)
}

async function service(): Promise<VmContainer> {
  const id = randomBytes(32).toString('hex')
  const container = await machine.container(id, '/bin/busybox sh /serve', '/service')
  containers.push(container)
  return container
}

/** By the profile, once there is one: as a runtime does it, from outside of it and at the exec. */
function confined(command: string): string {
  const enter = name === '' ? '' : `echo "exec ${name}" >/proc/self/attr/apparmor/exec; `
  return `(${enter}exec ${command})`
}

/** Starts nginx and loads it; gives the requests a second. Whatever is not answered with the page is a failure. */
async function load(container: VmContainer): Promise<number> {
  await container.run(`${confined(`${nginx} -g "daemon off;"`)} </dev/null >/tmp/said 2>&1 &`)
  const wait = `for n in $(busybox seq 300); do busybox wget -q -O /dev/null ${page} && break; busybox sleep 0.1; done`
  await container.run(wait)
  const client = '/client/ld-linux-x86-64.so.2 --library-path /client /client/wrk'
  const output = await container.run(`${client} -t1 -c8 -d${loadSeconds}s ${page}`)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1])
  if (rate > 0 && !/Non-2xx|Socket errors/.test(output)) return rate
  const why = await container.run('busybox cat /tmp/said /var/log/nginx/error.log; busybox ps')
  throw new Error(`nginx does not serve: ${output}\n${why}`)
}

async function denials(): Promise<number> {
  return Number(await machine.run(`dmesg | grep -c 'apparmor="DENIED"' || true`))
}

/** The attack, its output where nothing stops it, and its output under the profile. */
const intruder = [
  [
    'has nginx read the password hashes',
    `${nginx} -t -c /etc/shadow`,
    /unknown directive|unexpected/,
    /\/etc\/shadow" failed \(13: Permission denied\)/,
  ],
  [
    'has nginx write a scheduled job',
    `${nginx} -t -g "error_log /etc/job;"`,
    /test is successful/,
    /\/etc\/job" failed \(13: Permission denied\)/,
  ],
  [
    'runs a program through the loader',
    '/lib64/ld-linux-x86-64.so.2 /bin/cat /etc/passwd',
    /root:x/,
    /Permission denied|failed to map/,
  ],
] as const

/** In a machine with nginx, whose sensor filters. */
export function testAppArmor(running: () => SensorMachine): void {
  describe('a profile for AppArmor', () => {
    beforeAll(() => {
      ;({ machine, recorder } = running())
    })
    afterAll(async () => {
      for (const container of containers) await container.stop()
    })

    it('an AppArmor profile from nginx’s observed behaviour is enforced by Debian’s kernel', async () => {
      const first = await service()
      expect(await load(first)).toBeGreaterThan(10)
      await first.run('busybox killall -QUIT nginx; busybox sleep 1')
      await recorder.source.obeyed()
      const profile = new Profile(shaper)
      for (const event of recorder.acts(first.id)) {
        if (event.process.exe !== nginx) continue
        profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
      }
      const { text } = exportProfile('apparmor', image, profile)
      const policy = execFileSync('apparmor_parser', ['-Q', '-K', '-S'], { input: text })
      const packed = policy.toString('base64').match(/.{1,3000}/g) ?? []
      for (const part of packed) await machine.run(`echo ${part} | base64 -d >>/tmp/policy`)
      await machine.run('cat /tmp/policy >/sys/kernel/security/apparmor/.load')
      name = /^profile (\S+)/m.exec(text)?.[1] ?? ''
      expect(await machine.run('cat /sys/kernel/security/apparmor/profiles')).toContain(
        `${name} (enforce)`,
      )
    })

    it('nginx serves under full load with it, and nothing is refused', async () => {
      const held = await service()
      const rate = await load(held)
      expect(rate).toBeGreaterThan(10)
      const current = await held.run(
        'cat /proc/$(busybox pidof nginx | busybox cut -d" " -f1)/attr/apparmor/current',
      )
      expect(current).toBe(`${name} (enforce)`)
      expect(await denials()).toBe(0)
    })

    it.each(intruder)('an intruder %s, and is refused', async (_, command, done, refused) => {
      const [free, held] = [containers[0]!, containers[1]!]
      const output = await held.run(`${confined(command)}; echo "code $?"`)
      expect(output).toMatch(refused)
      expect(output).not.toMatch(done)
      // Without the profile it is done.
      expect(await free.run(`(exec ${command})`)).toMatch(done)
    })
  })
}
