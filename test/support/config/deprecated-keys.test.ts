import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { printCheck } from '../../../src/cli/commands/config-commands.ts'
import { createProgram } from '../../../src/cli/program.ts'
import {
  configJsonSchema,
  type JsonSchema,
  keysOf,
} from '../../../src/support/config/config-keys.ts'
import { deprecatedKeysIn, type Deprecation } from '../../../src/support/config/deprecated-keys.ts'
import { type ConfigInput, loadConfig } from '../../../src/support/config/load-config.ts'

const dir = mkdtempSync(join(tmpdir(), 'snug-deprecated-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const old = { deprecated: true, since: '0.4', instead: '`learn.floor`' } satisfies Deprecation

/** As the schema of the config would have them: a key, and a member of one type of sinks. */
const schema = z.toJSONSchema(
  z.strictObject({
    after: z.string().default('alert').meta({ description: 'what follows' }),
    window: z
      .strictObject({
        length: z
          .string()
          .default('1h')
          .meta({ description: 'how long', ...old }),
      })
      .prefault({}),
    sinks: z.array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('file'), path: z.string().meta({ ...old }) }),
        z.strictObject({ type: z.literal('http'), path: z.string() }),
      ]),
    ),
  }),
  { io: 'input' },
) as JsonSchema

describe('a deprecated key', () => {
  it('is found where it is set, in a list only in the form that has it', () => {
    const written = {
      after: 'block',
      window: { length: '2h' },
      sinks: [
        { type: 'http', path: '/a' },
        { type: 'file', path: '/b' },
      ],
    }
    const { since, instead } = old
    expect(deprecatedKeysIn(schema, written)).toEqual([
      { key: 'window.length', since, instead },
      { key: 'sinks.1.path', since, instead },
    ])
    expect(deprecatedKeysIn(schema, { after: 'block', window: {}, sinks: [] })).toEqual([])
  })

  it('is described as one in the reference, with what to write instead', () => {
    const docs = Object.fromEntries(keysOf(schema).map(({ path, doc }) => [path, doc]))
    expect(docs).toMatchObject({
      after: 'what follows',
      'window.length': 'deprecated since 0.4, write `learn.floor` instead: how long',
    })
  })
})

describe('the config, had it a deprecated key', () => {
  const published = configJsonSchema()
  const level = published.properties?.['log']?.properties?.['level'] ?? {}
  const marked: JsonSchema = {
    ...published,
    properties: {
      ...published.properties,
      log: { properties: { level: { ...level, ...old } } },
    },
  }
  const warnings = (input: ConfigInput): readonly string[] => loadConfig(input, marked).warnings

  it('names the key with its place in file, variable or flag', () => {
    const file = join(dir, 'snug.yaml')
    writeFileSync(file, 'after: alert\nlog:\n  level: warn\n')
    const is = 'is deprecated since 0.4: write `learn.floor`'
    expect(warnings({ file })).toEqual([`\`log.level\` (line 3 of \`${file}\`) ${is}`])
    const variable = { SNUG_LOG_LEVEL: 'warn' }
    expect(warnings({ env: variable })).toEqual([`\`log.level\` (from SNUG_LOG_LEVEL) ${is}`])
    const flags = { 'log.level': 'warn' }
    expect(warnings({ flags })).toEqual([`\`log.level\` (from --log-level) ${is}`])
  })

  it('still takes its value', () => {
    const { config, deprecated } = loadConfig({ flags: { 'log.level': 'warn' } }, marked)
    expect(config.log.level).toBe('warn')
    expect(deprecated.map(({ key }) => key)).toEqual(['log.level'])
  })

  it('says nothing where the key is not set, or not deprecated', () => {
    expect(loadConfig({}, marked)).toMatchObject({ deprecated: [], warnings: [] })
    expect(loadConfig({ flags: { 'log.level': 'warn' } })).toMatchObject({ deprecated: [] })
  })

  it('is printed by `snug config check`, which exits with 2', async () => {
    let printed = ''
    const stdout = new PassThrough().on('data', (text: Buffer) => (printed += text.toString()))
    const never = new AbortController().signal
    const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {} }
    const terminal = { colour: false, progress: false, interactive: false, width: 80 }
    const { context } = await createProgram({ ...io, ...terminal, signal: never, ended: never })
    await printCheck(loadConfig({ flags: { 'log.level': 'warn' } }, marked), context)
    expect(printed).toMatch(/^DEPRECATED +SINCE +INSTEAD\nlog\.level +0\.4 +`learn\.floor`\n$/)
    expect(context.exit).toBe(2)
  })
})
