import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { behaviourId, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Acts, hex } from '../sensor/acts.ts'
import { buildImage, removeTree } from '../sensor/container.ts'
import { dnsStory } from '../sensor/dns-story.ts'
import { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { blockedUnit } from './blocked-unit.ts'
import { connectByNames, noRoute } from './connect-by-names.ts'
import type { Machine } from './machine.ts'
import { nameServers } from './named-servers.ts'
import type { SensorMachine } from './sensor-machine.ts'

const EPERM = '1'

let machine: Machine
let recorder: Recorder

/** The events of a container that runs the program with the command. */
async function actsOf(program: string, command: string): Promise<readonly ActEvent[]> {
  const container = await machine.container(randomBytes(32).toString('hex'), program)
  await container.run(command)
  await recorder.source.obeyed()
  const acts = recorder.acts(container.id)
  await container.stop()
  return acts
}

/** What a kernel lets the sensor do. */
export interface Expected {
  /** Of the facts about its hooks. */
  readonly prefix: string
  /** The hooks that the kernel does not have. */
  readonly lacking: readonly string[]
  readonly serverNames: 'blocked' | 'unseen'
}

/** What the sensor observes on a kernel that lets it refuse. Switches the sensor's filter off. */
export function testSensor(
  running: () => SensorMachine,
  { prefix, lacking, serverNames }: Expected,
): void {
  describe('the sensor', () => {
    beforeAll(async () => {
      ;({ machine, recorder } = running())
      await recorder.everyEvent()
    })

    it('takes the security hooks, and each that the kernel has is in place', () => {
      const { facts } = recorder.source.stats
      expect(facts['kernel']).toBe(machine.release)
      const hooks = Object.entries(facts).filter(([name]) => name.startsWith('hook.'))
      expect(Object.keys(facts)).toContain(`${prefix}file_open`)
      expect(Object.keys(facts)).not.toContain('hook.sys_exit')
      expect(hooks.filter(([, value]) => value !== 'yes')).toEqual(
        lacking.map((name) => [`${prefix}${name}`, 'no this kernel does not have the hook']),
      )
    })

    it('reports exactly the execs, opens and connects of a known workload', async () => {
      const acts = (await actsOf('/bin/workload serve', 'known')).slice(1)
      const numbers = [...Array(23).keys()]
      const execs = acts.filter((event) => event.kind === 'exec')
      expect(execs.map((event) => event.process.args?.join(' '))).toEqual(
        numbers.map((n) => `/bin/workload nothing ${n}`),
      )
      expect(acts.flatMap((event) => (event.kind === 'file' ? [event.file] : []))).toEqual(
        numbers.map((n) => ({ path: `/data/file-${n}`, access: ['write', 'create'] })),
      )
      const makers = acts.flatMap((event) => (event.kind === 'file' ? [event.process] : []))
      // It is the first process of its PID namespace.
      expect(new Set(makers.map(({ vpid }) => vpid))).toEqual(new Set([1]))
      expect(makers.every(({ pid }) => pid > 1)).toBe(true)
      expect(acts.flatMap((event) => (event.kind === 'connect' ? [event.connect] : []))).toEqual(
        numbers.map((n) => ({ protocol: 'tcp', address: '127.0.0.1', port: 20000 + n })),
      )
    })

    it('reports no signal that the kernel sends as a parent dies', async () => {
      const acts = await actsOf('/bin/workload serve', 'orphan')
      expect(acts.filter(({ kind }) => kind === 'syscall')).toEqual([])
    })

    it('reports no answer of a datagram server as a connection', async () => {
      const ports = (await actsOf('/bin/workload serve', 'answer')).flatMap((event) =>
        event.kind === 'connect' ? [event.connect.port] : [],
      )
      const [asked, neighbour, elsewhere] = ports
      expect(ports).toHaveLength(3)
      expect(asked).toBe(5354)
      expect(neighbour).toBe((elsewhere ?? 0) ^ 1)
    })

    it('reports the DNS answers that reach a container, each before the connection that follows', async () => {
      const container = await machine.container(
        randomBytes(32).toString('hex'),
        '/bin/workload serve',
      )
      await container.run('dns 7')
      await recorder.source.obeyed()
      expect(recorder.named(container.id)).toEqual(dnsStory)
      await container.stop()
    })

    it('in block mode refuses no connection to a DNS name of the profile, and others', async () => {
      expect(await connectByNames(machine, recorder)).toEqual([noRoute, EPERM, EPERM])
    })

    it('in block mode lets no name of another server leave to an address of the profile, where it sees the names', async () => {
      const { facts } = recorder.source.stats
      expect(facts['stop.server-name']).toBe(serverNames)
      const seen = ['api.example passed', 'evil.example blocked', '? blocked', 'api.example passed']
      expect(await nameServers(machine, recorder)).toEqual([
        '0 0 0 0',
        ...(serverNames === 'blocked' ? seen : []),
      ])
    })

    it('in mode block refuses what deviates in a unit of systemd, and none of its ordinary work', async () => {
      const [ordinary, deviating] = await blockedUnit(machine, recorder)
      expect(ordinary).toBe('secret')
      expect(deviating).toBe("ls: can't open '/image/etc': Operation not permitted")
    })

    it('reports no capability that the kernel asked for on its own, or did not grant', async () => {
      const acts = await actsOf('/bin/workload serve', 'not-granted')
      expect(
        acts.some((event) => event.kind === 'syscall' && event.syscall.name === 'unshare'),
      ).toBe(true)
      expect(acts.filter(({ kind }) => kind === 'capability')).toEqual([])
    })

    it('reports names through a symbolic link as the names that the kernel reached', async () => {
      const lines = [
        `mkdir ${hex('/data/real')}`,
        `symlink ${hex('/data/real')} ${hex('/data/way')}`,
        `write ${hex('/data/x')}`,
        `link ${hex('/data/x')} ${hex('/data/way/linked')}`,
        `rename ${hex('/data/x')} ${hex('/data/way/moved')}`,
        `chmod ${hex('/data/way/moved')}`,
        `attribute ${hex('/data/way/linked')} ${hex('trusted.note')}`,
        `attribute ${hex('/data/way/moved')} ${hex('user.note')}`,
        `capabilities ${hex('/data/way/linked')}`,
        `unlink ${hex('/data/way/moved')}`,
      ]
      const acts = await actsOf('/bin/acts serve', [...lines, 'end'].join('\n'))
      const files = acts.flatMap((event) => (event.kind === 'file' ? [event.file] : []))
      expect(files).toContainEqual({ path: '/data/real/linked', access: ['create'], to: '/data/x' })
      expect(files).toContainEqual({ path: '/data/x', access: ['rename'], to: '/data/real/moved' })
      const changed = files.filter(({ access }) => access.includes('setattr'))
      expect(changed.map(({ path }) => path)).toEqual(['/data/real/moved', '/data/real/linked'])
      const calls = acts.flatMap((event) => (event.kind === 'syscall' ? [event.syscall] : []))
      expect(calls).toEqual([{ name: 'setxattr', target: '/data/real/linked' }])
      expect(files).toContainEqual({ path: '/data/real/moved', access: ['delete'] })
    })

    it('gives the behaviours that this host’s kernel gives for the same events', async () => {
      const lines = [
        `read ${hex('/etc/secret')}`,
        `both ${hex('/data/made')}`,
        `make ${hex('/data/../data/./empty')}`,
        `openat2 ${hex('/proc/self/status')}`,
        `write ${hex('/data/code')}`,
        `map ${hex('/data/code')}`,
        `map ${hex('/bin/acts')}`,
        `mkdir ${hex('/data/folder')}`,
        `symlink ${hex('/etc/secret')} ${hex('/data/soft')}`,
        `read ${hex('/data/soft')}`,
        `link ${hex('/data/made')} ${hex('/data/hard')}`,
        `rename ${hex('/data/hard')} ${hex('/data/folder/moved')}`,
        `truncate ${hex('/data/made')}`,
        `chmod ${hex('/data/made')}`,
        `chown ${hex('/data/folder')}`,
        `attribute ${hex('/data/folder')} ${hex('trusted.note')}`,
        `attribute ${hex('/data/made')} ${hex('user.note')}`,
        `capabilities ${hex('/data/made')}`,
        `unlink ${hex('/data/folder/moved')}`,
        `rmdir ${hex('/data/folder')}`,
        `write ${hex('/data/new\nline')}`,
        'tcp 127.0.0.1 7001',
        'tcp ::1 7001',
        'send 127.0.0.1 7002',
        'bind 127.0.0.1 7003',
        'listen 127.0.0.1 7004',
        `serve ${hex('/data/socket')}`,
        `unix ${hex('/data/socket')}`,
        `+ exec ${hex('/etc/script.sh')} ${hex('argument')}`,
        `+ execveat ${hex('/bin/acts')}`,
        `+ memory ${hex('/bin/acts')}`,
        '+ setgid 6',
        '+ setuid 5',
        '+ traceme',
        '+ signal',
        '+ unshare 0x4000000',
        `mount ${hex('/mnt')}`,
        `umount ${hex('/mnt')}`,
      ]
      const there = await actsOf('/bin/acts serve', [...lines, 'end'].join('\n'))

      const image = buildImage()
      const here = new Recorder()
      await here.running()
      await here.everyEvent()
      const acts = new Acts(image)
      await acts.did(lines)
      await here.source.obeyed()
      const reported = here.acts(acts.id)
      const losses = here.lossesOf(acts.id)
      await acts.stop()
      await here.stop()
      removeTree(image)

      expect({ ids: idsOf(reported), losses }).toEqual({ ids: idsOf(there), losses: [] })
      expect(idsOf(reported).length).toBeGreaterThan(30)
    })
  })
}

/** As text that a failing test can show. */
function idsOf(events: readonly ActEvent[]): readonly string[] {
  const ids = events.flatMap((event) =>
    behavioursOf(event, shaper).map(({ key, actor, object }) =>
      JSON.stringify({ id: behaviourId(key), actor, object }),
    ),
  )
  return [...new Set(ids)].sort()
}
