import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

/** Fewer than one container may have on record, and together more than half of the table (SNUG_WRITTEN). */
const filesChanged = 3_600
const changers = 10

const sensor = oneSensor()

it('programs of a container stay those of its image, however many files others change', async () => {
  const folder = join(sensor.image, 'image/data/many')
  mkdirSync(folder)
  const names = Array.from({ length: filesChanged }, (_, n) => `${n}`)
  for (const name of names) writeFileSync(join(folder, name), '')
  const program = `+ run ${['/bin/busybox', 'busybox', 'true'].map(hex).join(' ')}`
  const steady = new Acts(sensor.image)
  try {
    // The program is copied to its own layer and not changed; another file of the image is.
    const own = [`write ${hex(`/data/many/${names[0]}`)}`, `chmod ${hex('/bin/busybox')}`, program]
    expect(await steady.did(own)).toEqual(['0', '0', '0'])
    for (let n = 0; n < changers; n++) {
      const changer = new Acts(sensor.image)
      await changer.did(names.map((name) => `write ${hex(`/data/many/${name}`)}`))
      await changer.stop()
    }
    sensor.recorder.source.control.flush()
    await sensor.recorder.source.obeyed()
    sensor.recorder.messages.length = 0
    await sensor.recorder.everyEvent()
    expect(await steady.did([program])).toEqual(['0'])
    await sensor.recorder.source.obeyed()
    const execs = sensor.recorder
      .acts(steady.id)
      .flatMap((event) => (event.kind === 'exec' ? [event.exec] : []))
    expect(execs).toEqual([{ path: '/bin/busybox', drift: false }])
  } finally {
    await steady.stop()
  }
})
