import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { alertFormats, renderer, renderWithin } from '../../src/format/format.ts'
import { toOcsf } from '../../src/format/ocsf.ts'
import { hostileAlert, product, sampleAlerts } from './format-alerts.ts'
import { detectionFinding } from './format-ocsf-schema.ts'

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/alerts.${name}`, import.meta.url))

describe('each format', () => {
  it.each(alertFormats)('%s says the same of the same alerts as ever', async (format) => {
    const render = renderer(format, product)
    const lines = sampleAlerts.map((alert) => `${render(alert)}\n`).join('')
    await expect(lines).toMatchFileSnapshot(golden(format))
  })
})

describe('an OCSF Detection Finding', () => {
  it.each(sampleAlerts.map((alert) => [alert.id, alert] as const))(
    'of %s has what the class requires, and nothing that it does not have',
    (_, alert) => {
      expect(detectionFinding.safeParse(toOcsf(alert, product)).error).toBeUndefined()
    },
  )

  it('is an update where the count rose, and closed where it was decided on', () => {
    const activity = (id: string): unknown => {
      const alert = sampleAlerts.find((one) => one.id.endsWith(id))
      return alert && toOcsf(alert, product)['type_uid']
    }
    expect([activity('EXEC'), activity('FILE'), activity('CONNE')]).toEqual([
      200_401, 200_402, 200_403,
    ])
  })
})

describe('a line within a limit', () => {
  const long = hostileAlert('y'.repeat(65_536))

  it.each(alertFormats)('of %s is whole and names the alert, with less in it', (format) => {
    const line = renderWithin(renderer(format, product), 8_192)(long)
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8_192)
    expect(line).toContain(long.id)
    if (line.startsWith('{')) expect(JSON.parse(line)).toBeTypeOf('object')
  })

  it('is left as it is where it fits', () => {
    const [alert] = sampleAlerts
    if (alert === undefined) throw new Error('there is no sample')
    const render = renderer('json', product)
    expect(renderWithin(render, 8_192)(alert)).toBe(render(alert))
  })

  it('says in the alert that arguments are missing', () => {
    const line = renderWithin(renderer('json', product), 8_192)(long)
    expect(JSON.parse(line)).toMatchObject({ process: { argsCut: true } })
  })

  it('is cut at its end, between two characters, where nothing else helps', () => {
    const line = renderWithin(() => 'ü'.repeat(100), 33)(long)
    expect(line).toBe('ü'.repeat(16))
  })
})
