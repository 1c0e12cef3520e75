import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { parse } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadRules } from '../../src/support/config/load-rules.ts'
import { exportProfile } from '../fixtures/without-pauses.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView, VersionView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { NetworkDifference } from '../../src/ci/netpol/difference.ts'
import { behaviourId, behaviourKey } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { Shaper } from '../../src/core/behaviour/shape.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { securityContextSchema } from '../fixtures/consumer-schemas.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { learnerConfig } from '../fixtures/learned-agent.ts'
import { webLoad, type WebLoad } from '../fixtures/load.ts'
import { servesAt, webImage } from '../fixtures/service-images.ts'

const { docker, socket } = sharedEngine()
const image = `${uniqueName('web')}:1`
/** Of full load; `SNUG_LOAD_SECONDS` for the record. */
const loadSeconds = Number(process.env['SNUG_LOAD_SECONDS'] ?? 2)
const started: Docker.Container[] = []
let agent: Agent

beforeAll(async () => {
  await webImage(docker, image)
  agent = await startAgent({ docker: socket, config: learnerConfig })
  await serve(await run({}))
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text.includes('/var/www/html/one.html')),
  )
  await agent.json(['profile', 'mode', image, 'alert'])
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function run(host: Docker.HostConfig, user = ''): Promise<Docker.Container> {
  const container = await startContainer(docker, image, undefined, { HostConfig: host, User: user })
  started.push(container)
  return container
}

async function serve(container: Docker.Container): Promise<WebLoad> {
  const address = await servesAt(container, 80)
  return webLoad(`http://${address}/one.html`, loadSeconds)
}

async function exported(format: string): Promise<{ text: string; notes: string }> {
  const { code, stdout, stderr } = await agent.cli(['profile', 'export', image, '--format', format])
  expect(code, stderr).toBe(0)
  return { text: stdout, notes: stderr }
}

/** Compiles it as far as its kernel form; loads nothing, and needs no AppArmor in this kernel. */
function apparmorReports(profile: string): { code: number | null; output: string } {
  const { status, stderr } = spawnSync('apparmor_parser', ['-Q', '-K', '-S'], {
    input: profile,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  return { code: status, output: stderr }
}

test('AppArmor accepts the exported AppArmor profile', async () => {
  const { text, notes } = await exported('apparmor')
  expect(text).toMatch(/^ {2}\/usr\/sbin\/nginx mrix,$/m)
  expect(notes).toContain('apparmor_parser -r')
  expect(apparmorReports(text)).toMatchObject({ code: 0 })
  expect(apparmorReports(text.replace('mrix,', 'mrix'))).not.toMatchObject({ code: 0 })
})

test('names with a special meaning in AppArmor stay plain names in its profile', () => {
  const actor = { exe: '/usr/bin/a b' }
  const path = '/srv/a*b?[c]{d}"e f\\\\g\\xff\n@{HOME},x#=ü'
  const object = { kind: 'file', access: 'write', path } as const
  const time = '2026-11-24T13:40:07.007007Z'
  const cell = { container: 'c', origin: 'entrypoint', phase: 'learned', count: 1 } as const
  const entry = {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey(actor, 0, object)),
    actor,
    uid: 0,
    object,
    cells: [{ ...cell, first: time, last: time, nodes: [], sources: [] }],
  } as const
  const profile = Profile.load([entry], new Shaper(loadRules().generalise))
  const ref = { repository: 'shop/odd', digest: `sha256:${'ab'.repeat(32)}` }
  expect(apparmorReports(exportProfile('apparmor', ref, profile).text)).toMatchObject({ code: 0 })
})

/** A call that no program of the image makes, by perl of its base; numbers of x86-64 and arm64. */
function call([x64, arm64]: readonly [number, number], args: string, before = ''): string[] {
  const number = process.arch === 'arm64' ? arm64 : x64
  const made = `syscall(${number}, ${args}) < 0 or exit 0; print STDERR "$!\\n"; exit 1`
  return ['/usr/bin/perl', '-e', `${before}; ${made}`]
}

/** Perl gives the kernel no text that it could not write to. */
const texts = (...all: readonly string[]): string =>
  all.map((text, at) => `my $t${at} = "${text}"`).join('; ')

const intruderActs: readonly (readonly [what: string, command: readonly string[]])[] = [
  ['makes namespaces of its own', ['/usr/bin/unshare', '--mount', '/bin/true']],
  ['enters a namespace', call([308, 268], 'fileno(N), 0', 'open(N, "/proc/1/ns/uts")')],
  ['mounts a file system', call([165, 40], '$t0, $t1, $t2, 0, 0', texts('none', '/mnt', 'tmpfs'))],
  ['changes its root directory', ['/usr/sbin/chroot', '/', '/bin/true']],
  ['has itself traced', call([101, 117], '0, 0, 0, 0')],
  ['makes a file in memory to run', call([319, 279], '$t0, 0', texts('payload'))],
  [
    'hides a secret in the kernel',
    call([248, 217], '$t0, $t1, $t2, 6, -2', texts('user', 'snug', 'secret')),
  ],
]

test('nginx serves under full load with its exported seccomp profile, which refuses other system calls', async () => {
  const { text, notes } = await exported('seccomp')
  expect(notes).toContain('does not record')
  // Without it this container may do all of that: it has the capability, and no other profile.
  const free = await run({ CapAdd: ['SYS_ADMIN'], SecurityOpt: ['seccomp=unconfined'] })
  const held = await run({ CapAdd: ['SYS_ADMIN'], SecurityOpt: [`seccomp=${text}`] })
  const serving = serve(held)
  for (const [what, command] of intruderActs) {
    const done = await execIn(docker, free, [...command])
    expect(done, `free, it ${what}: ${done.stderr}`).toMatchObject({ exitCode: 0 })
    const refused = await execIn(docker, held, [...command])
    expect(refused.exitCode, `held, it ${what}`).not.toBe(0)
    expect(refused.stderr + refused.stdout, what).toContain('Operation not permitted')
  }
  const load = await serving
  expect(load.failed).toBe(0)
  expect(load.rate).toBeGreaterThan(100)
  // Also once it was tried.
  expect(await serve(held)).toMatchObject({ failed: 0 })
})

test('nginx serves under full load with its exported security context, also as a user other than root', async () => {
  const { text, notes } = await exported('security-context')
  const { containers } = securityContextSchema.parse(parse(text))
  const [{ securityContext, volumeMounts = [] }] = containers
  expect(securityContext).toMatchObject({
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  })
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const root = versions[0]?.root
  expect(root, JSON.stringify(root)).toMatchObject({ verdict: 'need-not', needs: [] })
  expect(notes).toContain(root?.sentence)
  const output = (await agent.cli(['image', 'show', image])).stdout
  for (const take of [/be started as uid (\d+)/, /another port than 80/, /\/run, made writable/]) {
    expect(root?.takes.map((item) => item.take).join('; ')).toMatch(take)
    expect(output).toMatch(take)
  }
  const uid = /be started as uid (\d+)/.exec(output)?.[1] ?? ''
  // The engine's own options do what these fields do in Kubernetes.
  const host: Docker.HostConfig = {
    CapDrop: ['ALL'],
    ReadonlyRootfs: true,
    SecurityOpt: ['no-new-privileges'],
    Tmpfs: Object.fromEntries(volumeMounts.map(({ mountPath }) => [mountPath, 'mode=0777'])),
  }
  const asRoot = await run({ ...host, CapAdd: securityContext.capabilities?.add ?? [] })
  expect(await serve(asRoot)).toMatchObject({ failed: 0 })
  const asUser = await run(
    { ...host, Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' } },
    uid,
  )
  const load = await serve(asUser)
  expect(load.failed).toBe(0)
  expect(load.rate).toBeGreaterThan(100)
  // It is that which holds it.
  for (const held of [asRoot, asUser]) {
    const written = await execIn(docker, held, ['/bin/sh', '-c', 'echo x >/usr/sbin/nginx'])
    expect(written.stderr).toContain('Read-only file system')
  }
  const owner = await execIn(docker, asUser, ['/bin/sh', '-c', 'stat -c %u /proc/1'])
  expect(owner.stdout.trim()).toBe(uid)
})

test('its own policy allows what nginx did, and a policy without ingress does not', async () => {
  const { text } = await exported('networkpolicy')
  const app = image.slice(0, image.indexOf(':'))
  const diff = (input: string) =>
    agent.cli(
      ['network-policy', 'diff', image, '--against', '-', '-o', 'json'].concat([
        '--namespace',
        'default',
        '--labels',
        `app=${app}`,
      ]),
      { input },
    )
  const own = await diff(text)
  expect(own.code, own.stderr).toBe(0)
  expect((JSON.parse(own.stdout) as NetworkDifference).connections).toContainEqual(
    expect.objectContaining({ direction: 'ingress', port: 80, verdict: 'allowed' }),
  )
  const shut = await diff(text.replace('port: 80', 'port: 81'))
  expect(shut.code, shut.stderr).toBe(2)
  expect((JSON.parse(shut.stdout) as NetworkDifference).connections).toContainEqual(
    expect.objectContaining({ direction: 'ingress', port: 80, verdict: 'refused' }),
  )
})

test('a profile moves to another node as a file, and waits there for review', async () => {
  const { text } = await exported('snug')
  const file = join(agent.folder, 'profile.json')
  writeFileSync(file, text)
  const feed = join(agent.folder, 'feed.json')
  writeFileSync(feed, '')
  await using other = await startAgent({
    docker: 'none',
    config: { node: 'n2', sources: [`falco:${feed}`], kernelState: 'none' },
  })
  const version = await other.json<VersionView>(['profile', 'import', file])
  expect(version).toMatchObject({ state: 'review' })
  const here = await agent.json<ProfileView>(['profile', 'show', image])
  const there = await other.json<ProfileView>(['profile', 'show', image])
  const states = ({ behaviours }: ProfileView) =>
    behaviours.map(({ id, state }) => `${id} ${state}`)
  expect(states(there)).toEqual(states(here))
  // A repeated import changes nothing. Here the import would change what is enforced and is refused, as is garbage.
  await other.json(['profile', 'import', file])
  const lineage = await other.json<LineageView>(['image', 'show', image])
  expect(lineage.versions).toHaveLength(1)
  expect((await agent.cli(['profile', 'import', file])).stderr).toContain('MODE_REFUSED')
  writeFileSync(file, text.replace('/usr/sbin/nginx', '/usr/sbin/other'))
  expect((await other.cli(['profile', 'import', file])).code).toBe(3)
})

test('a learned profile lets no recorded attack pass, and lacks what it never showed', async () => {
  const file = join(agent.folder, 'must.yaml')
  const must = (program: string) =>
    writeFileSync(
      file,
      JSON.stringify({
        schema: 'snug.representative/v1',
        programs: [program],
        listens: [{ port: 80 }],
        files: [{ path: '/var/www/html/one.html', access: 'read' }],
      }),
    )
  const tried = ['profile', 'test', image, '--contrast', '--representative', file, '-o', 'json']
  must('/usr/sbin/nginx')
  const passed = await agent.cli(tried)
  expect(passed.code, passed.stdout).toBe(0)
  expect(JSON.parse(passed.stdout)).toMatchObject({
    passed: true,
    contrast: { tried: 22, blind: 0 },
    representative: { required: 4, missing: [] },
  })
  must('/usr/bin/convert')
  const lacks = await agent.cli(tried)
  expect(lacks.code).toBe(2)
  expect(JSON.parse(lacks.stdout)).toMatchObject({
    representative: { missing: ['program /usr/bin/convert never ran'] },
  })
})

test('a profile shipped as a Software Bill of Behavior lets the service run on another node, and alerts on the rest', async () => {
  const { text } = await exported('container-profile')
  const file = join(agent.folder, 'shipped.yaml')
  writeFileSync(file, text)
  const users = (await agent.json<ProfileView>(['profile', 'show', image])).behaviours.map(
    ({ uid }) => String(uid),
  )
  await using other = await startAgent({ docker: socket, config: { ...learnerConfig, node: 'n2' } })
  await other.until<LineageView>(['image', 'show', image], ({ versions }) => versions.length > 0)
  const bring = ['profile', 'import', file, '--image', image, '--user', ...new Set(users)]
  expect(await other.json<VersionView>(bring)).toMatchObject({ state: 'learning' })
  await other.json(['profile', 'mode', image, 'alert'])
  const container = await run({})
  await serve(container)
  // Not of the service, and the last of it: all before it is judged by then.
  await execIn(docker, container, ['/usr/bin/id'])
  const alerts = await other.until<Alert[]>(['alert', 'list', '--limit', '500'], (list) =>
    list.some(({ container: of, behaviour }) => {
      return of?.id === container.id && behaviour?.object.includes('/usr/bin/id') === true
    }),
  )
  const own = alerts.filter(
    ({ container: of, process }) => of?.id === container.id && process?.origin !== 'exec-in',
  )
  // Removed and renamed files, changes of user, and what listens are not in the format.
  const carried = own.filter(
    ({ event }) =>
      event?.kind === 'exec' ||
      event?.kind === 'capability' ||
      (event?.kind === 'file' &&
        !event.file.access.some((access) => access === 'delete' || access === 'rename')),
  )
  expect(carried.map(({ behaviour }) => behaviour?.object)).toEqual([])
})
