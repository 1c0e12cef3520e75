import { beforeAll, describe, expect, it } from 'vitest'
import type { SoakFigures } from './soak.ts'
import { soakText } from './figures-text.ts'
import { soakApart } from './soak-process.ts'
import { shortScale } from './workload.ts'

let figures: SoakFigures

beforeAll(async () => {
  figures = await soakApart(shortScale)
  process.stdout.write(soakText(figures))
}, 1_200_000)

describe('36 hours of a node with 1,500 containers of 20 images', () => {
  it('leave a few cells of evidence for each behaviour', () => {
    expect(figures.counts).toBeGreaterThan(100_000)
    expect(figures.cells / figures.behaviours).toBeLessThan(16)
  })

  it('need at most 150 MiB of resident memory', () => {
    expect(Math.max(...figures.resident)).toBeLessThan(150)
  })

  it('need a store of at most 15 MiB', () => {
    expect(figures.storeMiB).toBeLessThan(15)
  })
})
