import { describe, expect, it } from 'vitest'
import type { ProcessRef } from '../../../../src/core/event/event.ts'
import { cronLine, isScheduled, jobOf } from '../../../../src/agent/pipeline/identity/schedules.ts'

const hourly = {
  text: '/etc/cron.hourly/rotate',
  periodMs: 3_600_000,
  table: '/etc/cron.hourly',
  command: '/etc/cron.hourly/rotate',
}
const command = 'cd / && /usr/local/bin/report --all'
const line = cronLine(`5 3 * * * root ${command}`, true)
const inline = { ...line!, table: '/etc/crontab', command }
const schedules = [hourly, inline]

function process(part: Partial<ProcessRef>): ProcessRef {
  return { pid: 9, exe: '/bin/sh', uid: 0, origin: 'entrypoint', ...part }
}

describe('a job of a schedule', () => {
  it('is named by its table for its program or script and for their descendants', () => {
    const script = process({ script: '/etc/cron.hourly/rotate', parent: '/bin/run-parts' })
    expect(jobOf(script, schedules)).toBe('hourly job of `/etc/cron.hourly`')
    const child = process({ exe: '/bin/gzip', ancestors: ['/usr/local/bin/report', '/bin/sh'] })
    expect(jobOf(child, schedules)).toBe('daily job of `/etc/crontab`')
    expect(jobOf(process({ args: ['sh', '-c', command] }), schedules)).toBe(
      'daily job of `/etc/crontab`',
    )
  })

  it('comes only from tables of the image, not from those that an attacker adds', () => {
    const added = process({
      exe: '/tmp/x',
      args: ['/tmp/x'],
      ancestors: ['/bin/sh', '/usr/sbin/cron'],
    })
    expect(isScheduled(added)).toBe(true)
    expect(jobOf(added, schedules)).toBeUndefined()
    expect(jobOf(process({ args: ['sh', '-c', 'id'] }), schedules)).toBeUndefined()
  })

  it('is looked up only below a scheduler', () => {
    expect(isScheduled(process({ ancestors: ['/usr/sbin/nginx'] }))).toBe(false)
    expect(isScheduled(process({}))).toBe(false)
  })
})
