import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import {
  GatewaySupervisor,
  type OpenedGateway,
} from '../../src/serve/gateway/gateway-supervisor.ts'

const never = new Promise<string>(() => undefined)
let stopped = 0

/** @param gone why the gateway ended */
function supervisor(gone: Promise<string>): GatewaySupervisor {
  const open = (): OpenedGateway => ({
    link: new PassThrough(),
    gone,
    stop: async () => void (stopped += 1),
  })
  return new GatewaySupervisor({
    open,
    attach: () => undefined,
    isSecure: false,
    onFault: () => undefined,
    log: pino({ level: 'silent' }),
  })
}

const rights = { pid: 1, uid: 987, capabilities: 'none', noNewPrivileges: true } as const

describe('the agent serves no TCP', () => {
  it('by a gateway that ends before it listens', async () => {
    await expect(supervisor(Promise.resolve('it ended')).start()).rejects.toMatchObject({
      code: 'FRONT_FAILED',
      message: expect.stringContaining('it ended'),
    })
  })

  it('where the address is taken', async () => {
    const taken = supervisor(Promise.resolve('cannot listen on 127.0.0.1:1'))
    await expect(taken.start()).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
  })

  it.each([
    ['is root', { ...rights, uid: 0 }],
    ['has a capability', { ...rights, capabilities: 'CAP_SYS_PTRACE' }],
  ])('by a gateway that %s', async (_, kept) => {
    const gateway = supervisor(never)
    const before = stopped
    const start = gateway.start()
    gateway.ready({ address: '127.0.0.1:1', rights: kept })
    await expect(start).rejects.toMatchObject({ code: 'FRONT_FAILED' })
    expect(stopped).toBe(before + 1)
    expect(gateway.view).toBeUndefined()
  })

  it('and it does by one that has dropped its rights', async () => {
    const gateway = supervisor(never)
    const start = gateway.start()
    gateway.ready({ address: '127.0.0.1:1', rights })
    await start
    expect(gateway.view).toMatchObject({ url: 'http://127.0.0.1:1', uid: 987 })
  })
})
