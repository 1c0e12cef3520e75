import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProgramArguments } from '../../../../src/core/behaviour/arguments.ts'
import type { ActEvent, ExecAct, ProcessRef } from '../../../../src/core/event/event.ts'
import { EventRefiner } from '../../../../src/agent/pipeline/identity/event-refiner.ts'
import type { ContainerIdentity, Rootfs } from '../../../../src/agent/pipeline/identity/identity.ts'
import { ImageFiles } from '../../../../src/agent/pipeline/identity/image-files.ts'
import { shippedRules } from '../../../fixtures/event-fixture.ts'

let root: string
let rootfs: Rootfs
const later = new Date(Date.now() + 3_600_000).toISOString()

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-layers-')
  rootfs = {
    upper: join(root, 'upper'),
    layers: [join(root, 'l2'), join(root, 'l1')],
  }
  for (const folder of [rootfs.upper, ...rootfs.layers])
    mkdirSync(join(folder, 'usr/bin'), { recursive: true })
  writeFileSync(join(root, 'l1/usr/bin/app'), 'app version 1')
  writeFileSync(join(root, 'l1/usr/bin/tool'), 'tool')
  writeFileSync(join(root, 'l2/usr/bin/app'), 'app version 2')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('the files that an image ships', () => {
  it('are those of any of its layers, the topmost first', () => {
    const files = new ImageFiles()
    expect(files.shipped(identity(), '/usr/bin/app')).toBe(true)
    expect(files.shipped(identity(), '/usr/bin/tool')).toBe(true)
    expect(files.shipped(identity(), '/usr/bin')).toBe(true)
    expect(files.shipped(identity(), '/usr/bin/other')).toBe(false)
  })

  it('are without those that only the container wrote', () => {
    writeFileSync(join(rootfs.upper, 'usr/bin/dropped'), 'x')
    expect(new ImageFiles().shipped(identity(), '/usr/bin/dropped')).toBe(false)
  })

  it('are found through linked folders, absolute and relative, within the image only', () => {
    symlinkSync('usr/bin', join(root, 'l2/bin'))
    symlinkSync('/usr', join(root, 'l1/opt'))
    symlinkSync('../../../../../../../../etc', join(root, 'l1/escape'))
    symlinkSync('loop', join(root, 'l1/loop'))
    const files = new ImageFiles()
    expect(files.shipped(identity(), '/bin/app')).toBe(true)
    expect(files.shipped(identity(), '/opt/bin/tool')).toBe(true)
    expect(files.shipped(identity(), '/escape/passwd')).toBe(false)
    expect(files.shipped(identity(), '/loop/x')).toBe(false)
    expect(files.shipped(identity(), '/usr/bin/../bin/app')).toBe(true)
  })

  it('are without those that a file of an upper layer hides', () => {
    writeFileSync(join(root, 'l2/data'), 'a file')
    mkdirSync(join(root, 'l1/data'))
    writeFileSync(join(root, 'l1/data/below'), 'hidden')
    expect(new ImageFiles().shipped(identity(), '/data/below')).toBe(false)
    expect(new ImageFiles().shipped(identity(), '/data')).toBe(true)
  })

  it('are unknown where the storage driver has no layers, or the image was removed', () => {
    const files = new ImageFiles()
    const { rootfs: _, ...without } = identity()
    expect(files.shipped(without, '/usr/bin/app')).toBeUndefined()
    rmSync(join(root, 'l1'), { recursive: true })
    expect(files.shipped(identity(), '/usr/bin/tool')).toBeUndefined()
  })

  it('differ between images by content, not by layer', () => {
    const files = new ImageFiles()
    mkdirSync(join(root, 'l3/usr/bin'), { recursive: true })
    copyFileSync(join(root, 'l1/usr/bin/tool'), join(root, 'l3/usr/bin/tool'))
    writeFileSync(join(root, 'l3/usr/bin/app'), 'app version 3')
    const next = identity({
      imageId: 'sha256:2',
      rootfs: { ...rootfs, layers: [join(root, 'l3'), join(root, 'l1')] },
    })
    expect(files.differs(identity(), next, '/usr/bin/tool')).toBe(false)
    expect(files.differs(identity(), next, '/usr/bin/app')).toBe(true)
    expect(files.differs(identity(), next, '/nowhere')).toBe(false)
  })
})

describe('a script', () => {
  const programs = new ProgramArguments(shippedRules.arguments)
  const refine = (args: readonly string[], more: { script?: string; parent?: string } = {}) => {
    const event = exec({ path: '/bin/sh', drift: false })
    if (event.kind !== 'exec') throw new Error('it is an exec')
    const { script, parent = '/usr/bin/app' } = more
    const process = { ...event.process, exe: '/bin/sh', args, ...(parent !== '' && { parent }) }
    return new EventRefiner([], new ImageFiles(), programs).refine(
      {
        ...event,
        exec: { ...event.exec, ...(script !== undefined && { script }) },
        process,
      } as ActEvent,
      identity({ mounts: ['/config'] }),
    )
  }

  it.each<[string, readonly string[], { script?: string }]>([
    ['as an argument of the interpreter', ['sh', '/tmp/x.sh', 'a'], {}],
    ['behind an option', ['sh', '-x', '/tmp/x.sh'], {}],
  ])('that the image does not ship is reported as such: %s', (_, args, more) => {
    expect(refine(args, more)).toMatchObject({ exec: { drift: false, scriptDrift: true } })
  })

  it.each<[string, readonly string[], { script?: string; parent?: string }]>([
    ['of the image', ['sh', '/usr/bin/app'], {}],
    ['of a volume', ['sh', '/config/run.sh'], {}],
    ['whose folder is not known', ['sh', 'x.sh'], {}],
    ['that is text of the command line', ['sh', '-c', '/tmp/x.sh'], {}],
    ['that the runtime starts', ['sh', '/tmp/x.sh'], { parent: '' }],
    ['that the kernel found to be of the image', ['/tmp/x.sh'], { script: '/tmp/x.sh' }],
  ])('%s is not', (_, args, more) => {
    expect(refine(args, more)).not.toHaveProperty('exec.scriptDrift')
  })
})

describe('a program that is made setuid', () => {
  const asShipped = (target: string, more: Partial<ContainerIdentity> = {}): boolean => {
    const event = exec({ path: '/bin/sh', drift: false })
    const call = { ...event, kind: 'syscall', syscall: { name: 'chmod', target } } as ActEvent
    const refined = new EventRefiner([], new ImageFiles()).refine(call, identity(more))
    return refined.kind === 'syscall' && refined.syscall.asShipped === true
  }
  /** As overlayfs copies a file up when its mode is set. */
  const copied = (mode: number, name = 'app', content?: string): void => {
    const at = join(rootfs.upper, 'usr/bin', name)
    if (content === undefined) copyFileSync(join(root, 'l2/usr/bin/app'), at)
    else writeFileSync(at, content)
    chmodSync(at, mode)
  }
  beforeEach(() => {
    chmodSync(join(root, 'l2/usr/bin/app'), 0o4755)
    symlinkSync('usr/bin', join(root, 'l1/bin'))
  })

  it.each<[string, () => void, string]>([
    ['before it is copied', () => {}, '/usr/bin/app'],
    ['with the mode of the image', () => copied(0o4755), '/usr/bin/app'],
    ['through a link of the image', () => copied(0o4755), '/bin/app'],
  ])('is as the image ships it: %s', (_, prepare, path) => {
    prepare()
    expect(asShipped(path)).toBe(true)
  })

  it.each<[string, () => void, string]>([
    ['that anybody may write to', () => copied(0o4777), '/usr/bin/app'],
    ['with other content', () => copied(0o4755, 'app', 'app version X'), '/usr/bin/app'],
    ['that the image ships without the bit', () => {}, '/usr/bin/tool'],
    ['that the image does not ship', () => copied(0o4755, 'other'), '/usr/bin/other'],
    ['behind a link of the container', () => linkedElsewhere(), '/bin/app'],
    ['that a link of the container replaced', () => replaced(), '/usr/bin/app'],
  ])('is not: %s', (_, prepare, path) => {
    prepare()
    expect(asShipped(path)).toBe(false)
  })

  it('is not where another user owns it, or a volume hides it', () => {
    copied(0o4755)
    chownSync(join(rootfs.upper, 'usr/bin/app'), 1_000, 1_000)
    chmodSync(join(rootfs.upper, 'usr/bin/app'), 0o4755)
    expect(asShipped('/usr/bin/app')).toBe(false)
    expect(asShipped('/usr/bin/app', { mounts: ['/usr/bin'] })).toBe(false)
  })

  function linkedElsewhere(): void {
    mkdirSync(join(rootfs.upper, 'bin'))
    writeFileSync(join(rootfs.upper, 'bin/app'), 'another')
  }
  function replaced(): void {
    symlinkSync('/tmp/other', join(rootfs.upper, 'usr/bin/app'))
  }
})

describe('drift', () => {
  const refine = (event: ActEvent, more: Partial<ContainerIdentity> = {}): ActEvent =>
    new EventRefiner([], new ImageFiles()).refine(event, identity(more))

  it('is not a binary of the image whose mode or times were changed', () => {
    copyFileSync(join(root, 'l2/usr/bin/app'), join(rootfs.upper, 'usr/bin/app'))
    chmodSync(join(rootfs.upper, 'usr/bin/app'), 0o700)
    utimesSync(join(rootfs.upper, 'usr/bin/app'), 1, 1)
    const refined = refine(exec({ path: '/usr/bin/app', drift: true, driftKind: 'upper' }))
    expect(refined).toMatchObject({ exec: { drift: false } })
    expect(refined).not.toHaveProperty('exec.driftKind')
    expect(refined).not.toHaveProperty('process.drift')
  })

  it.each([
    ['another size', 'app version 2 and more'],
    ['the same size and other content', 'app version X'],
  ])('stays with a binary of %s', (_, content) => {
    writeFileSync(join(rootfs.upper, 'usr/bin/app'), content)
    const refined = refine(exec({ path: '/usr/bin/app', drift: true, driftKind: 'upper' }))
    expect(refined).toMatchObject({ exec: { drift: true }, process: { drift: true } })
  })

  it('stays with a binary that the image does not ship, whatever its content', () => {
    copyFileSync(join(root, 'l2/usr/bin/app'), join(rootfs.upper, 'usr/bin/copy'))
    const refined = refine(exec({ path: '/usr/bin/copy', drift: true, driftKind: 'upper' }))
    expect(refined).toMatchObject({ exec: { drift: true } })
  })

  it('stays where the file was put back only after it ran', () => {
    copyFileSync(join(root, 'l2/usr/bin/app'), join(rootfs.upper, 'usr/bin/app'))
    const ran = {
      ...exec({ path: '/usr/bin/app', drift: true, driftKind: 'upper' }),
      time: '2026-01-01T00:00:00Z',
    }
    expect(refine(ran as ActEvent)).toMatchObject({ exec: { drift: true } })
  })

  it('stays with a memory file and with a volume over a path that the image ships', () => {
    const kinds = [
      { path: 'memfd:x', drift: true, driftKind: 'memfd' },
      { path: '/usr/bin/app', drift: true, driftKind: 'mount' },
    ] as const
    for (const act of kinds) {
      expect(refine(exec(act))).toMatchObject({ exec: { drift: true }, process: { drift: true } })
    }
  })

  it('stays where a mount of the container gave the name of a program to another file', () => {
    // The kernel has seen a file of the upper layer, which has none by this name.
    const program = { path: '/usr/bin/app', drift: true, driftKind: 'upper' } as const
    const script = { ...program, script: '/usr/bin/tool', scriptDrift: true } as const
    for (const act of [program, script])
      expect(refine(exec(act))).toMatchObject({ exec: act, process: { drift: true } })
    const process = base({ exe: program.path, drift: true })
    const read = { ...process, kind: 'file', file: { path: '/etc/x', access: ['read'] } }
    expect(refine(read as ActEvent)).toMatchObject({ process: { drift: true } })
  })

  it('stays where the container made the way to the file a link out of its layer', () => {
    rmSync(join(rootfs.upper, 'usr'), { recursive: true })
    symlinkSync(join(root, 'l2/usr'), join(rootfs.upper, 'usr'))
    const refined = refine(exec({ path: '/usr/bin/app', drift: true, driftKind: 'upper' }))
    expect(refined).toMatchObject({ exec: { drift: true } })
  })

  it('of a script counts both the script and its interpreter', () => {
    writeFileSync(join(rootfs.upper, 'usr/bin/tool'), 'evil')
    const act = {
      path: '/usr/bin/app',
      script: '/usr/bin/tool',
      drift: true,
      driftKind: 'upper',
    } as const
    expect(refine(exec(act))).toMatchObject({ exec: { drift: true } })
  })

  it('is not the init that the engine puts in for --init, but is a dropped file of that name', () => {
    const act = { path: '/sbin/docker-init', drift: true, driftKind: 'mount' } as const
    expect(refine(exec(act), { initInjected: true })).toMatchObject({
      exec: { drift: false },
      process: { origin: 'init' },
    })
    expect(refine(exec(act))).toMatchObject({
      exec: { drift: true },
      process: { origin: 'entrypoint' },
    })
  })

  it.each([
    ['in the writable layer', { driftKind: 'upper' }, {}],
    ['that another program starts', { driftKind: 'mount' }, { parent: '/usr/bin/app' }],
    ['that a session starts', { driftKind: 'mount' }, { origin: 'exec-in' }],
  ] as const)('is a file with the name of that init %s', (_, kind, process) => {
    const act = { path: '/dev/init', drift: true, ...kind } as const
    expect(refine(exec(act, process), { initInjected: true })).toMatchObject({
      exec: { drift: true },
    })
  })
})

describe('a health check', () => {
  const healthcheck = ['/bin/sh', '-c', 'wget -q localhost']

  it('makes its whole session a probe, and only its own', () => {
    const refiner = new EventRefiner([], new ImageFiles())
    const of = (session: string, args: string[]) =>
      refiner.refine(
        exec({ path: '/bin/sh', drift: false }, { origin: 'exec-in', session, args }),
        identity({ probes: [healthcheck] }),
      ).process.origin
    expect(of('s1', healthcheck)).toBe('probe')
    expect(of('s1', ['wget', '-q', 'localhost'])).toBe('probe')
    expect(of('s2', ['/bin/sh'])).toBe('exec-in')
    expect(of('s2', healthcheck)).toBe('exec-in')
  })

  it('is known by its script where the kernel put the interpreter in front', () => {
    const refiner = new EventRefiner([], new ImageFiles())
    const process = {
      origin: 'exec-in',
      session: 's',
      script: '/health.sh',
      args: ['/bin/sh', '-e', '/health.sh', 'now'],
    } as const
    const act = { path: '/bin/sh', script: '/health.sh', drift: false }
    const refined = refiner.refine(
      exec(act, process),
      identity({ probes: [['/health.sh', 'now']] }),
    )
    expect(refined.process.origin).toBe('probe')
  })

  it.each([
    [['health.sh', 'now'], '/usr/local/bin/health.sh', 'probe'],
    [['/health.sh', 'now'], '/tmp/evil.sh', 'exec-in'],
    [['health.sh', 'now'], '/tmp/not-health.sh', 'exec-in'],
    [['bin/health.sh', 'now'], '/usr/bin/health.sh', 'exec-in'],
  ])('of the command %j is not any script: %s is %s', (healthcheck, script, origin) => {
    const refiner = new EventRefiner([], new ImageFiles())
    const args = ['/bin/sh', script, 'now']
    const process = { origin: 'exec-in', session: 's', script, args } as const
    const act = { path: '/bin/sh', script, drift: false }
    expect(
      refiner.refine(exec(act, process), identity({ probes: [healthcheck] })).process.origin,
    ).toBe(origin)
  })

  it.each([
    ['more arguments of its script', '/health.sh', ['/bin/sh', '/health.sh', 'evil', 'now']],
    ['its script as an argument', '/health.sh', ['/bin/sh', '/health.sh', '/health.sh', 'now']],
    ['the same by another path', '/health.sh', ['/bin/sh', '/health.sh', './health.sh', 'now']],
    ['its words behind others', '/health.sh', ['/bin/sh', '/health.sh', 'a', '/health.sh', 'now']],
    ['fewer arguments', '/health.sh', ['/bin/sh', '/health.sh']],
  ])('is no session with %s', (_, script, args) => {
    const refiner = new EventRefiner([], new ImageFiles())
    const process = { origin: 'exec-in', session: 's', script, args } as const
    const event = exec({ path: '/bin/sh', script, drift: false }, process)
    const probes = [['/health.sh', 'now']]
    expect(refiner.refine(event, identity({ probes })).process.origin).toBe('exec-in')
  })

  it('is no session whose arguments were cut, however they begin', () => {
    const refiner = new EventRefiner([], new ImageFiles())
    const args = [...healthcheck.slice(0, 2), 'wget -q localhost; id']
    const process = { origin: 'exec-in', session: 's', args, argsCut: true } as const
    const event = exec({ path: '/bin/sh', drift: false }, process)
    const probes = [[...args, 'x'.repeat(3_000)]]
    expect(refiner.refine(event, identity({ probes })).process.origin).toBe('exec-in')
  })

  it('keeps the origin that the kernel reports', () => {
    const refiner = new EventRefiner([], new ImageFiles())
    for (const origin of ['probe', 'init'] as const) {
      const event = exec(
        { path: '/bin/x', drift: false },
        { origin, session: 's', args: ['/bin/x'] },
      )
      expect(refiner.refine(event, identity({ probes: [healthcheck] })).process.origin).toBe(origin)
    }
  })
})

describe('a connect', () => {
  it('is named after the container that has the address', () => {
    const engine = {
      peer: (address: string) =>
        address === '10.0.0.7'
          ? { name: 'user-db.shop', image: 'redis', workload: 'user-db' }
          : undefined,
    }
    const refiner = new EventRefiner([engine as never], new ImageFiles())
    const connect = (address: string): ActEvent => ({
      ...base(),
      kind: 'connect',
      connect: { protocol: 'tcp', address, port: 5432 },
    })
    expect(refiner.refine(connect('10.0.0.7'), identity())).toMatchObject({
      connect: { name: 'user-db.shop', peer: { image: 'redis', workload: 'user-db' } },
    })
    expect(refiner.refine(connect('10.0.0.8'), identity())).not.toHaveProperty('connect.name')
  })

  it.each(['169.254.169.254', 'fe80::1'])(
    'to a link-local address is not named after the container that has it on another network: %s',
    (address) => {
      const engine = { peer: () => ({ name: 'metadata.of-another-network' }) }
      const refiner = new EventRefiner([engine as never], new ImageFiles())
      const connect = { protocol: 'tcp' as const, address, port: 80 }
      const event: ActEvent = { ...base(), kind: 'connect', connect }
      expect(refiner.refine(event, identity({ addresses: [] }))).toEqual(event)
    },
  )
})

function base(process: Partial<ProcessRef> = {}) {
  return {
    v: 1 as const,
    time: later,
    node: 'n1',
    source: 'ebpf',
    container: { id: 'a'.repeat(64) },
    process: { pid: 1, exe: '/bin/sh', uid: 0, origin: 'entrypoint' as const, ...process },
  }
}

function exec(act: ExecAct, process: Partial<ProcessRef> = {}): ActEvent {
  const drift = act.drift ? { drift: true } : {}
  const script = act.script === undefined ? {} : { script: act.script }
  return { ...base({ exe: act.path, ...script, ...drift, ...process }), kind: 'exec', exec: act }
}

function identity(more: Partial<ContainerIdentity> = {}): ContainerIdentity {
  return {
    id: 'a'.repeat(64),
    name: 'web',
    image: { repository: 'shop/web', digest: 'sha256:1' },
    imageId: 'sha256:1',
    labels: {},
    entrypoint: ['/usr/bin/app'],
    declaredUser: '',
    initInjected: false,
    addresses: [],
    mounts: [],
    rootfs,
    ...more,
  }
}
