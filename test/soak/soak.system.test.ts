import { beforeAll, describe, expect, it } from 'vitest'
import type { SoakFigures } from './soak.ts'
import { soakText } from './figures-text.ts'
import { soakApart } from './soak-process.ts'
import { tenthScale } from './workload.ts'

let figures: SoakFigures

/** The first tenths learn the images; then the node only goes on. */
beforeAll(async () => {
  figures = await soakApart(tenthScale)
  process.stdout.write(soakText(figures))
}, 1_800_000)

describe('9 days of a node with 10,000 containers of 20 images', () => {
  it('leave a few cells of evidence for each behaviour', () => {
    expect(figures.cells / figures.behaviours).toBeLessThan(16)
  })

  it('need a store of at most 50 MiB, a tenth of what 90 days may need', () => {
    expect(figures.storeMiB).toBeLessThan(50)
  })
})
