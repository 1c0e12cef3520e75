import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
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

async function reported(lines: readonly string[]): Promise<readonly ActEvent[]> {
  expect(await acts.did(lines)).toEqual(lines.map(() => '0'))
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id)
}

const mappings = (events: readonly ActEvent[]): readonly unknown[] =>
  events.flatMap((event) =>
    event.kind === 'file' && event.file.access.includes('exec') ? [event.file] : [],
  )

describe('code that the image did not ship is reported', () => {
  it('as a mapping of a file that was written into the container', async () => {
    const copy = `+ run ${['/bin/busybox', 'cp', '/bin/acts', '/tmp/library'].map(hex).join(' ')}`
    const events = await reported([
      copy,
      `map ${hex('/tmp/library')}`,
      `map ${hex('/tmp/library')}`,
    ])
    expect(mappings(events)).toEqual([
      { path: '/tmp/library', access: ['exec'], layer: 'container' },
    ])
    expect(events.flatMap((event) => guardrailsOn(event))).toContain('library-drift')
  })

  it('as a mapping of a file of another mount', async () => {
    const copy = `+ run ${['/bin/busybox', 'cp', '/bin/acts', '/mnt/library'].map(hex).join(' ')}`
    const events = await reported([`mount ${hex('/mnt')}`, copy, `map ${hex('/mnt/library')}`])
    expect(mappings(events)).toEqual([
      { path: '/mnt/library', access: ['exec'], layer: 'container' },
    ])
  })

  it('but not where it is the image’s, whatever its rights are now', async () => {
    const events = await reported([
      `map ${hex('/bin/acts')}`,
      `chmod ${hex('/bin/workload')}`,
      `map ${hex('/bin/workload')}`,
    ])
    expect(mappings(events)).toEqual([])
  })

  it('as drift of a program that runs with a volume as its root folder', async () => {
    const copy = `+ run ${['/bin/busybox', 'cp', '/bin/acts', '/mnt/acts'].map(hex).join(' ')}`
    const events = await reported([
      `mount ${hex('/mnt')}`,
      copy,
      `+ chroot-exec ${hex('/mnt')} ${hex('/acts')}`,
    ])
    const exec = events.find((event) => event.kind === 'exec' && event.exec.path === '/mnt/acts')
    expect(exec).toMatchObject({ exec: { drift: true, driftKind: 'mount' } })
    expect(events.flatMap((event) => guardrailsOn(event))).toContain('change-root')
  })
})

describe('the loader of a program, which the kernel maps', () => {
  const program = `+ exec ${hex('/bin/dynamic')}`
  const loader = [{ path: '/bin/loader', access: ['exec'], layer: 'container' }]

  beforeAll(() => {
    const source = new URL('workload.c', import.meta.url).pathname
    execFileSync('sh', [
      '-ec',
      `mkdir -p "$0/lib"
       gcc -O2 -Wl,--dynamic-linker=/bin/loader -o "$0/bin/dynamic" "$1"
       cp -L /lib64/ld-*.so* "$0/bin/loader" 2>/dev/null || cp -L /lib/ld-*.so* "$0/bin/loader"
       cp -L "$(gcc -print-file-name=libc.so.6)" "$0/lib/libc.so.6"`,
      join(sensor.image, 'image'),
      source,
    ])
  })

  it('is no event where the image ships it, whatever its rights are now', async () => {
    const events = await reported([program, `chmod ${hex('/bin/loader')}`, program])
    expect(mappings(events)).toEqual([])
  })

  it.each([
    ['was opened for writing', [`both ${hex('/bin/loader')}`]],
    [
      'was changed by another name',
      [`link ${hex('/bin/loader')} ${hex('/tmp/tmpab12cd34')}`, `both ${hex('/tmp/tmpab12cd34')}`],
    ],
    [
      'was replaced',
      [
        `+ run ${['/bin/busybox', 'cp', '/bin/loader', '/bin/other'].map(hex).join(' ')}`,
        `rename ${hex('/bin/other')} ${hex('/bin/loader')}`,
      ],
    ],
  ])('is drift at each start of a program once it %s', async (_, lines) => {
    const events = await reported([...lines, program, program])
    expect(mappings(events)).toEqual(loader)
    expect(events.flatMap((event) => guardrailsOn(event))).toContain('library-drift')
  })
})
