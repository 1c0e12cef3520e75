import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent, FileAct } from '../../src/core/event/event.ts'
import { Acts, hex } from './acts.ts'
import { buildImage, Container, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

let image: string
let recorder: Recorder
let container: Container

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
  await recorder.everyEvent()
  container = new Container(image)
  await recorder.until(() => recorder.acts(container.id).length > 0, 'the first act')
  await recorder.source.obeyed()
})
afterAll(async () => {
  await container.stop()
  await recorder.stop()
  removeTree(image)
})

async function actsOf(command: string): Promise<ActEvent[]> {
  const before = recorder.acts(container.id).length
  await container.run(command)
  await recorder.source.obeyed()
  return recorder.acts(container.id).slice(before)
}

function filesOf(acts: readonly ActEvent[]): FileAct[] {
  return acts.flatMap((event) => (event.kind === 'file' ? [event.file] : []))
}

describe('files', () => {
  let files: FileAct[]
  beforeAll(async () => {
    files = filesOf(await actsOf('names'))
  })

  function withPath(path: string): FileAct[] {
    return files.filter((file) => file.path === path)
  }

  it('are reported with names of 255 bytes, with newlines, and bytes that are no text', () => {
    const made = { access: ['write', 'create'] }
    expect(withPath(`/data/${'n'.repeat(255)}`)).toMatchObject([made])
    expect(withPath('/data/new\nline')).toMatchObject([made])
    expect(withPath('/data/bad\\xff\\xfename')).toMatchObject([made])
    expect(withPath('/data/back\\\\slash')).toMatchObject([made])
  })

  it('are the file that a symbolic link leads to', () => {
    expect(withPath('/data/link')).toEqual([
      { path: '/data/link', access: ['create'], unresolved: true },
    ])
    expect(withPath('/etc/secret').filter(({ access }) => access[0] === 'read')).toHaveLength(1)
  })

  it('have the name that they were opened by, also where they have several or were renamed', () => {
    expect(withPath('/data/hard')).toEqual([
      { path: '/data/hard', access: ['create'], to: '/etc/secret', unresolved: true },
      { path: '/data/hard', access: ['read'], layer: 'container' },
      { path: '/data/hard', access: ['rename'], to: '/data/moved', unresolved: true },
    ])
    expect(withPath('/data/moved')).toEqual([
      { path: '/data/moved', access: ['read'], layer: 'container' },
      { path: '/data/moved', access: ['delete'], unresolved: true },
    ])
  })

  it('are reported where they are truncated by name', () => {
    expect(withPath('/etc/secret').filter(({ access }) => access[0] === 'write')).toEqual([
      { path: '/etc/secret', access: ['write'], unresolved: true },
    ])
  })

  it('include directories that are made and removed', () => {
    expect(withPath('/data/dir').map(({ access }) => access)).toEqual([['create'], ['delete']])
  })

  it('deeper than the path limit keep their tail, and are marked as cut', () => {
    const bottom = files.filter((file) => file.path.endsWith('/bottom'))
    expect(bottom).toMatchObject([{ access: ['write', 'create'], cut: true }])
    expect(bottom[0]?.path.startsWith('…/')).toBe(true)
    expect(bottom[0]?.path.length).toBeGreaterThan(3_800)
  })
})

describe('ways to open and to execute', () => {
  let acts: ActEvent[]
  beforeAll(async () => {
    acts = await actsOf('ways')
  })

  function wasRead(path: string): boolean {
    return filesOf(acts).some((file) => file.path === path && file.access.join() === 'read')
  }

  function execs(): ActEvent[] {
    return acts.filter((event) => event.kind === 'exec')
  }

  it('openat2 with dots gives the file itself', () => {
    expect(wasRead('/etc/secret')).toBe(true)
  })

  it('open_by_handle_at gives the file', () => {
    expect(wasRead('/mnt/by-handle')).toBe(true)
  })

  it('the 32-bit system call table is seen too', () => {
    expect(wasRead('/data/compat')).toBe(true)
  })

  it('a script is its interpreter with the script beside it', () => {
    const script = execs().find((event) => event.process.script !== undefined)
    expect(script).toMatchObject({
      exec: { path: '/bin/busybox', drift: false, script: '/etc/script.sh' },
      process: { args: ['/bin/busybox', 'sh', '/etc/script.sh', 'argument'] },
    })
  })

  it('execveat of a descriptor gives the file', () => {
    const event = execs().find(({ process }) => process.args?.[0] === 'by-descriptor')
    expect(event).toMatchObject({ exec: { path: '/bin/workload', drift: false } })
  })

  it('an executable in memory is drift', () => {
    const event = execs().find(({ process }) => process.args?.[0] === 'from-memory')
    expect(event).toMatchObject({
      exec: { path: 'memfd:hidden', drift: true, driftKind: 'memfd' },
      process: { drift: true, exe: 'memfd:hidden', parent: '/bin/workload' },
    })
    expect(acts).toContainEqual(
      expect.objectContaining({ syscall: { name: 'memfd_create', target: 'hidden' } }),
    )
  })

  it('an executable that was written into the container is drift', async () => {
    const dropped = join(container.root, 'data/dropped')
    copyFileSync(join(image, 'image/bin/workload'), dropped)
    chmodSync(dropped, 0o755)
    const event = (await actsOf('run')).find(({ kind }) => kind === 'exec')
    expect(event).toMatchObject({
      exec: { path: '/data/dropped', drift: true, driftKind: 'upper' },
    })
  })
})

describe('changes to a file other than its content', () => {
  let acts: ActEvent[]
  beforeAll(async () => {
    acts = await actsOf('attributes')
  })

  it('are reported for a setuid bit, a new time, and a truncation by name', () => {
    const calls = acts.flatMap((event) => (event.kind === 'syscall' ? [event.syscall] : []))
    // By its name and by its descriptor; of a file that is not there it failed, and not for want of rights.
    expect(calls.filter(({ name }) => name !== 'memfd_create')).toEqual([
      { name: 'chmod', target: '/data/file' },
      { name: 'chmod', target: '/data/file' },
      { name: 'utimensat', target: '/data/file' },
      { name: 'truncate', target: '/data/file' },
    ])
  })

  it('are accesses to the file where they give it another mode or owner', () => {
    const changes = filesOf(acts).filter(({ access }) => access.includes('setattr'))
    const [byName, byDescriptor] = [{ unresolved: true }, {}]
    // A pipe and a file in memory have no path, and a setuid bit is reported as that alone.
    expect(changes).toEqual(
      [byName, byDescriptor, byName, byDescriptor, byName, byDescriptor].map((resolved) => ({
        path: '/data/file',
        access: ['setattr'],
        ...resolved,
      })),
    )
  })
})

describe('extended attributes of a file', () => {
  let acts: ActEvent[]
  beforeAll(async () => {
    acts = await actsOf('extended-attributes')
  })

  it('are accesses to it, except those that are data of users and those that fail', () => {
    const changes = filesOf(acts).filter(({ access }) => access.includes('setattr'))
    const [byName, byDescriptor] = [{ unresolved: true }, {}]
    expect(changes).toEqual(
      [byName, byDescriptor, byName, byName, byDescriptor, byName].map((resolved) => ({
        path: '/data/file',
        access: ['setattr'],
        ...resolved,
      })),
    )
  })

  it('are reported as the call where they give it capabilities', () => {
    const calls = acts.flatMap((event) => (event.kind === 'syscall' ? [event.syscall] : []))
    expect(calls.filter(({ name }) => name !== 'memfd_create')).toEqual([
      { name: 'setxattr', target: '/data/file' },
      { name: 'setxattr', target: '/data/file' },
    ])
  })
})

describe('the network', () => {
  let acts: ActEvent[]
  beforeAll(async () => {
    acts = await actsOf('net')
  })

  it('reports connects and datagrams by their canonical address', () => {
    const peers = acts.flatMap((event) => (event.kind === 'connect' ? [event.connect] : []))
    expect(peers).toContainEqual({ protocol: 'udp', address: '127.0.0.9', port: 53 })
    expect(peers).toContainEqual({ protocol: 'tcp', address: '127.0.0.7', port: 4444 })
    expect(peers).toContainEqual({ protocol: 'tcp', address: '::1', port: 4445 })
    expect(peers).toContainEqual({ protocol: 'unix', address: '/data/socket', port: 0 })
    expect(peers).toHaveLength(4)
  })

  it('names a unix socket by the place where its listener bound it, also in another mount namespace', async () => {
    const outside = mkdtempSync('/tmp/snug-socket-')
    const socket = join(outside, 'engine.sock')
    const server = createServer().listen(socket)
    await once(server, 'listening')
    let within = ''
    const acts = new Acts(image, undefined, 0, (root) => {
      within = join(root, 'data/mounted')
      mkdirSync(within)
      execFileSync('mount', ['--bind', outside, within])
    })
    try {
      expect(await acts.did([`unix ${hex('/data/mounted/engine.sock')}`])).toEqual(['0'])
      await recorder.source.obeyed()
      const peers = recorder
        .acts(acts.id)
        .flatMap((event) => (event.kind === 'connect' ? [event.connect] : []))
      expect(peers).toEqual([{ protocol: 'unix', address: socket, port: 0 }])
    } finally {
      execFileSync('umount', [within])
      await acts.stop()
      server.close()
      rmSync(outside, { recursive: true })
    }
  })

  it('answers of a datagram server are no connections, but only to who asked the same socket', async () => {
    const ports = (await actsOf('answer')).flatMap((event) =>
      event.kind === 'connect' ? [event.connect.port] : [],
    )
    const [asked, neighbour, elsewhere] = ports
    expect(ports).toHaveLength(3)
    expect(asked).toBe(5354)
    // The client's own port comes last: by the second socket, and not by the answer before it.
    expect(neighbour).toBe((elsewhere ?? 0) ^ 1)
  })

  it('reports listening sockets, also those that were never bound', () => {
    const listens = acts.flatMap((event) => (event.kind === 'listen' ? [event.listen] : []))
    expect(listens).toHaveLength(2)
    expect(listens[0]).toMatchObject({ protocol: 'tcp', address: '0.0.0.0' })
    expect(listens[0]?.port).toBeGreaterThan(0)
    expect(listens[1]).toEqual({ protocol: 'udp', address: '0.0.0.0', port: 5353 })
  })
})

describe('memory', () => {
  // Before the container uses the capability: a second use would only be counted.
  it('shows no use of a capability where the kernel checks it on its own', async () => {
    const events = await actsOf('memory')
    expect(events.filter(({ kind }) => kind === 'capability')).toEqual([])
  })
})

describe('rights', () => {
  let acts: ActEvent[]
  beforeAll(async () => {
    acts = await actsOf('rights')
  })

  it('changes of user and group are reported with both sides', () => {
    const changes = acts.flatMap((event) => (event.kind === 'identity' ? [event.identity] : []))
    expect(changes).toEqual([
      { from: { uid: 0, gid: 0 }, to: { uid: 0, gid: 77 } },
      { from: { uid: 0, gid: 77 }, to: { uid: 78, gid: 77 } },
    ])
  })

  it('a signal that the kernel sends as a parent dies is none of the parent', async () => {
    const done = await actsOf('orphan')
    expect(done.filter(({ kind }) => kind === 'syscall')).toEqual([])
  })

  it('root that a process holds as real or saved uid is reported as held', async () => {
    const changes = (await actsOf('takeback')).flatMap((event) =>
      event.kind === 'identity' ? [event.identity] : [],
    )
    expect(changes).toEqual([
      { from: { uid: 0, gid: 0 }, to: { uid: 78, gid: 0 } },
      { from: { uid: 78, gid: 0 }, to: { uid: 0, gid: 0 }, through: 'held-id' },
    ])
  })

  it('sensitive calls are reported, also refused ones', () => {
    const calls = acts.flatMap((event) => (event.kind === 'syscall' ? [event.syscall] : []))
    expect(calls).toContainEqual({ name: 'ptrace', target: 'attach' })
    expect(calls).toContainEqual({ name: 'mount', target: '/mnt' })
    expect(calls).toContainEqual({ name: 'unshare', target: 'uts' })
    expect(calls).toContainEqual({ name: 'mount', target: '/mnt', denied: true })
    // A kill of a child process is not reported; a signal to another process is.
    expect(calls.filter(({ name }) => name === 'kill')).toEqual([
      { name: 'kill', target: '/bin/workload' },
    ])
  })

  it('a refused open is an attempt at the requested access, by the string that was passed', () => {
    const refused = acts.flatMap((event) =>
      event.kind === 'file' && event.file.denied === true && event.process.uid === 78
        ? [event.file]
        : [],
    )
    const denied = { denied: true, unresolved: true }
    expect(refused).toEqual([
      { path: '/etc/private', access: ['read'], ...denied },
      { path: '/etc/private', access: ['write'], ...denied },
      { path: '/etc/private', access: ['read', 'write'], ...denied },
      { path: '/etc/made', access: ['write'], ...denied },
    ])
  })

  it('a change to a read-only file system is an attempt', () => {
    const refused = acts.flatMap((event) =>
      event.kind === 'file' && event.file.denied === true && event.process.uid === 0
        ? [event.file]
        : [],
    )
    const denied = { denied: true, unresolved: true }
    expect(refused).toEqual([
      { path: '/mnt/file', access: ['write'], ...denied },
      { path: '/mnt/file', access: ['delete'], ...denied },
      { path: '/mnt/folder', access: ['create'], ...denied },
    ])
  })

  it('used capabilities are reported by name', () => {
    // Once for each process and execution: it may have been asked for before.
    const names = recorder
      .acts(container.id)
      .flatMap((event) => (event.kind === 'capability' ? [event.capability.name] : []))
    expect(names).toContain('CAP_SYS_ADMIN')
    expect(names).toContain('CAP_SETUID')
  })
})
