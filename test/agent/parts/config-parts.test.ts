import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { liveParts } from '../../../src/agent/parts/options.ts'
import { sourcesOf } from '../../../src/agent/parts/sources.ts'
import { loadConfig } from '../../../src/support/config/load-config.ts'
import { loadRules } from '../../../src/support/config/load-rules.ts'

const log = pino({ level: 'silent' })

describe('the parts of an agent, by its config', () => {
  it('keep an inherited behaviour that is not shown for `learn.vanishAfter`', () => {
    const { config } = loadConfig({ flags: { 'learn.vanishAfter': '3d' } })
    expect(liveParts(config).rules.inheritedForMs).toBe(3 * 86_400_000)
    const week = 7 * 86_400_000
    expect(liveParts(loadConfig().config).rules.inheritedForMs).toBe(week)
  })

  it('are refused where a source has no such name', () => {
    const { config } = loadConfig({ flags: { sources: ['ebfp'] } })
    const { generalise } = loadRules()
    expect(() => sourcesOf(config, generalise, log)).toThrow(
      expect.objectContaining({ code: 'SOURCE_UNKNOWN' }),
    )
  })
})
