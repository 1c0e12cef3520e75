import { describe, expect, it } from 'vitest'
import { unitRepository } from '../../../src/core/event/unit-image.ts'
import { unblockableBut } from '../../../src/core/lifecycle/vital-units.ts'

const image = (unit: string) => ({ repository: unitRepository(unit) })

describe('a unit that keeps the host running', () => {
  it.each(['systemd-logind.service', 'ssh@0.service', 'dbus.service', 'kubelet.service'])(
    'may not block: %s',
    (unit) => {
      expect(unblockableBut([])(image(unit))).toContain('keeps the host running')
    },
  )

  it('may block where the config names it, and then it alone', () => {
    const unblockable = unblockableBut(['ssh@*'])
    expect(unblockable(image('ssh@0.service'))).toBeUndefined()
    expect(unblockable(image('ssh.service'))).toContain('`ssh.service`')
  })

  it('is no other unit, and no image of the same name', () => {
    const unblockable = unblockableBut([])
    expect(unblockable(image('nginx.service'))).toBeUndefined()
    expect(unblockable({ repository: 'docker.service' })).toBeUndefined()
  })
})
