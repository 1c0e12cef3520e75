import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileEvent } from '../../src/core/event/event.ts'
import { guardrailsOn } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const sensor = oneSensor()
let acts: Acts

beforeEach(() => {
  sensor.recorder.messages.length = 0
  acts = new Acts(sensor.image)
})
afterEach(() => acts.stop())

/** What a shell of the container opened with that path, once it was there. */
async function opened(commands: string, path: string): Promise<FileEvent> {
  const shell = ['/bin/busybox', 'busybox', 'sh', '-c', commands]
  expect(await acts.did([`+ run ${shell.map(hex).join(' ')}`])).toEqual(['0'])
  await sensor.recorder.source.obeyed()
  const [event, ...more] = sensor.recorder
    .acts(acts.id)
    .flatMap((one) => (one.kind === 'file' && one.file.path === path ? [one] : []))
    .filter(({ file }) => !file.access.includes('create'))
  if (event === undefined || more.length > 0) throw new Error(`${more.length} more opened ${path}`)
  return event
}

/** `MAJOR MINOR` of a disk of this machine; nothing is read of it. */
function aDisk(): string {
  const [name] = readdirSync('/sys/class/block')
  if (name === undefined) throw new Error('this machine has no block device')
  return readFileSync(`/sys/class/block/${name}/dev`, 'utf8').trim().replace(':', ' ')
}

describe('what controls the kernel', () => {
  const mounted = (type: string): string =>
    `/bin/busybox mkdir /data/elsewhere; /bin/busybox mount -t ${type} any /data/elsewhere`

  it('is that below another mount of its file system too', async () => {
    const path = '/data/elsewhere/sys/kernel/core_pattern'
    const event = await opened(`${mounted('proc')}; : >> ${path}`, path)
    expect(event.file).toMatchObject({ access: ['write'], usualMount: '/proc' })
    expect(guardrailsOn(event)).toEqual(['kernel-knobs'])
  })

  it('is no other file of these', async () => {
    const path = '/data/elsewhere/kernel/uevent_seqnum'
    const event = await opened(`${mounted('sysfs')}; : < ${path}`, path)
    expect(event.file.usualMount).toBe('/sys')
    expect(guardrailsOn(event)).toEqual([])
    const name = '/proc/sys/kernel/hostname'
    expect(guardrailsOn(await opened(`: >> ${name}`, name))).toEqual([])
  })
})

describe('a raw device', () => {
  it('is one under any name', async () => {
    const disk = await opened(`/bin/busybox mknod /data/d b ${aDisk()}; : < /data/d`, '/data/d')
    expect(disk.file).toMatchObject({ access: ['read'], device: 'block' })
    const log = await opened('/bin/busybox mknod /data/m c 1 11; : < /data/m', '/data/m')
    expect(log.file).toMatchObject({ access: ['read'], device: 'memory' })
    expect([disk, log].map((event) => guardrailsOn(event))).toEqual([
      ['raw-device'],
      ['raw-device'],
    ])
  })

  it('is none that gives access to nothing', async () => {
    const event = await opened('/bin/busybox mknod /data/n c 1 3; : < /data/n', '/data/n')
    expect(event.file.device).toBeUndefined()
    expect(guardrailsOn(event)).toEqual([])
  })
})
