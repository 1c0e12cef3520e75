import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../../../src/support/config/config-schema.ts'
import { explainConfig } from '../../../src/support/config/explain-config.ts'
import { loadConfig } from '../../../src/support/config/load-config.ts'
import { LiveConfig } from '../../../src/agent/engine/live-config.ts'
import { createLog, stageLog } from '../../../src/support/telemetry/log.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync('/tmp/snug-live-config-')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** An agent that records the calls it receives. */
function running(text: string) {
  const file = join(dir, 'snug.yaml')
  const write = (more: string): void => writeFileSync(file, more)
  write(text)
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  const loaded = loadConfig({ file })
  const log = createLog(loaded.config.log.level, stream)
  const applied: Config[] = []
  const audited: unknown[] = []
  const faults = new Map<string, string>()
  let reopened = 0
  const live = new LiveConfig({
    loaded,
    read: () => loadConfig({ file }),
    faults,
    journal: {
      audit: (what, who, fields) => audited.push({ what, who, ...fields }),
      persist: async () => undefined,
      reopenSinks: async () => {
        reopened += 1
      },
    },
    apply: async (config) => {
      applied.push(config)
      return { added: [], changed: ['siem'], removed: [], undelivered: 0 }
    },
    onReload: () => undefined,
    log,
  })
  return { live, write, lines, log, applied, audited, faults, reopened: () => reopened }
}

const sink = (path: string): string => `sinks:\n  - { name: siem, type: file, path: ${path} }\n`

describe('a config that is read again', () => {
  it('applies settings that can change in a running agent, and audits them without values', async () => {
    const { live, write, applied, audited, log } = running(`${sink('/a')}learn: { floor: 1h }\n`)
    const stage = stageLog(log, 'before')
    write(`${sink('/b')}learn: { floor: 2h }\nlog: { level: debug }\n`)
    await live.reload()
    expect(applied).toMatchObject([{ sinks: [{ path: '/b' }], learn: { floor: 7_200_000 } }])
    expect(stage.level).toBe('debug')
    const changed = ['learn.floor', 'sinks', 'log.level']
    expect(audited).toMatchObject([{ what: 'config', who: 'agent', changed, kept: [] }])
    expect(JSON.stringify(audited)).not.toContain('/b')
  })

  it('names settings that need a restart, and keeps their old values', async () => {
    const { live, write, lines, applied } = running('listen: none\nblock: { canary: 0.5 }\n')
    write('listen: 127.0.0.1:1\nblock: { canary: 1, budget: 3 }\n')
    await live.reload()
    const reported = lines.find(({ code }) => code === 'CONFIG_NOT_LIVE')
    expect(reported?.['keys']).toEqual(['listen', 'block.budget'])
    expect(applied).toMatchObject([{ listen: { kind: 'none' }, block: { canary: 1 } }])
    expect(applied[0]?.block.budget).not.toBe(3)
    const shown = Object.fromEntries(
      explainConfig(live.loaded).map(({ key, value }) => [key, value]),
    )
    expect(shown).toMatchObject({ listen: 'none', 'block.canary': '1' })
  })

  it('changes nothing where it has a mistake, and reports the mistake until it is fixed', async () => {
    const { live, write, lines, applied, faults, reopened } = running(sink('/a'))
    write('sinks: [{ name: siem, type: flie }]\n')
    await live.reload()
    expect(applied).toEqual([])
    expect(lines.at(-1)).toMatchObject({ level: 'error', code: 'CONFIG_INVALID' })
    expect(faults.get('config')).toContain('CONFIG_INVALID')
    expect(live.loaded.config.sinks).toMatchObject([{ path: '/a' }])
    // After a log rotation the files must be reopened, whatever the config contains.
    expect(reopened()).toBe(1)
    write(sink('/a'))
    await live.reload()
    expect(faults.size).toBe(0)
    expect(applied).toEqual([])
  })
})
