import { describe, expect, it } from 'vitest'
import type { SnugEvent } from '../../../../src/core/event/event.ts'
import { gvisorFormat } from '../../../../src/plugins/sensors/gvisor/gvisor-source.ts'
import { gvisorLines, gvisorOpen } from '../../../fixtures/sensors/gvisor-packets.ts'

const container = 'runsc-100009'
const now = new Date('2026-12-03T05:30:00Z')

async function read(lines: readonly string[]) {
  const events: SnugEvent[] = []
  const ignored: string[] = []
  const mapper = gvisorFormat.open({
    node: 'n1',
    source: 'listen:unix:/s?format=gvisor',
    now: () => now,
    ignore: (what) => ignored.push(what),
  })
  await mapper.load?.()
  for (const line of lines) mapper.take(line, events)
  return { events, ignored, inside: [...(mapper.inside ?? [])] }
}

/** Program, parents and act of each. */
function textOf(event: SnugEvent): string {
  if (event.kind === 'loss') return `loss ${event.loss.count} ${event.loss.reason}`
  const { exe, ancestors = [], origin } = event.process
  const by = [exe, ...ancestors].join(' of ')
  if (event.kind === 'exec') return `${origin} ${by} runs`
  if (event.kind === 'file') {
    const { access, path, denied } = event.file
    return `${by} opens ${path} to ${access.join()}${denied === true ? ', denied' : ''}`
  }
  if (event.kind === 'connect') {
    const { protocol, address, port } = event.connect
    return `${by} connects to ${protocol} ${address} ${port}`
  }
  if (event.kind !== 'identity') return event.kind
  const { from, to } = event.identity
  return `${by} is ${from.uid}:${from.gid}, then ${to.uid}:${to.gid}`
}

/** A packet whose sandbox could not send so many before. */
function afterDrops(hex: string, dropped: number): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.writeUInt32LE(dropped, 4)
  return bytes.toString('hex')
}

const open = gvisorOpen('/srv/data/f-001')

describe('the trace of gVisor', () => {
  it('gives what its containers did, with the programs that did it', async () => {
    const { events, ignored } = await read(gvisorLines)
    const [shell, perl] = ['/bin/busybox', '/usr/bin/perl']
    const cat = '/usr/bin/busybox of /bin/busybox'
    expect(events.map(textOf)).toEqual([
      `entrypoint ${shell} runs`,
      `${shell} opens /tmp/gvrec/s.sh to read`,
      `${shell} opens /tmp/written to write,create`,
      `entrypoint ${cat} runs`,
      `entrypoint ${cat} runs`,
      `${cat} opens /etc/hostname to read`,
      `entrypoint ${perl} runs`,
      `${perl} connects to udp 127.0.0.1 53`,
      `${perl} is 0:0, then 0:65534`,
      `${perl} is 0:65534, then 65534:65534`,
      `${perl} opens /etc/shadow to read, denied`,
    ])
    // Two files that are not there, one of them twice, and a port where nobody listens.
    expect(new Set(ignored)).toEqual(new Set(['failed system call']))
  })

  it('gives paths as arguments, whose links are not resolved', async () => {
    const [event] = (await read([`1 ${open}`])).events
    expect(event).toMatchObject({
      source: 'gvisor',
      container: { id: container },
      file: { path: '/srv/data/f-001', access: ['read'], unresolved: true },
    })
  })

  it('gives a process whose beginning it does not have no name, and a session', async () => {
    const [event] = (await read([`1 ${open}`])).events
    expect(event).toMatchObject({
      process: { exe: 'unseen:program', origin: 'exec-in', session: expect.stringMatching(/^1-/) },
    })
  })

  it('keeps processes of two sandboxes apart, whose numbers are the same', async () => {
    const [start = ''] = gvisorLines
    const { events } = await read([start, `2 ${open}`])
    expect(events.map(textOf)[1]).toBe('unseen:program opens /srv/data/f-001 to read')
  })

  it('has the containers of a sandbox as observed until it disconnects', async () => {
    expect((await read([`1 ${open}`])).inside).toEqual([container])
    expect((await read([`1 ${open}`, '1'])).inside).toEqual([])
    expect((await read([`1 ${open}`, '2'])).inside).toEqual([container])
    // All of a receiver that ended.
    expect((await read([`1 ${open}`, '0'])).inside).toEqual([])
  })

  it('gives what a sandbox could not send as a loss, also beyond the end of its counter', async () => {
    const drops = [0, 3, 3, 2 ** 32 - 1, 1].map((count) => `1 ${afterDrops(open, count)}`)
    const losses = (await read(drops)).events.filter(({ kind }) => kind === 'loss')
    expect(losses.map(textOf)).toEqual([
      'loss 3 dropped by gvisor',
      `loss ${2 ** 32 - 4} dropped by gvisor`,
      'loss 2 dropped by gvisor',
    ])
    expect(losses[0]?.container).toEqual({ id: container })
  })

  it('counts messages of other types, and refuses what is no message', async () => {
    const other = `${open.slice(0, 4)}6300${open.slice(8)}`
    expect(await read([`1 ${other}`])).toMatchObject({
      events: [],
      ignored: ['message of type 99'],
    })
    for (const line of ['', 'x', '1 0', '1 00', '1 0800070000000000ff', `1 ${open.slice(0, 16)}`])
      await expect(read([line]), line).rejects.toMatchObject({ code: 'EVENT_INVALID' })
  })
})
