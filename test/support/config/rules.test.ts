import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  loadRules,
  loadTechniques,
  withOwnGuardrails,
} from '../../../src/support/config/load-rules.ts'
import { SnugError } from '../../../src/errors.ts'

const shipped = fileURLToPath(new URL('../../../profiles/', import.meta.url))
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'snug-rules-'))
  for (const name of ['guardrails.yaml', 'generalise.yaml'])
    cpSync(join(shipped, name), join(dir, name))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function refusal(): SnugError {
  try {
    loadRules(dir)
  } catch (error) {
    if (error instanceof SnugError) return error
    throw error
  }
  throw new Error('they were accepted')
}

describe('rules', () => {
  it('are found beside the package by default', () => {
    expect(loadRules()).toEqual(loadRules(shipped))
    expect(loadRules().guardrails.guardrails.length).toBeGreaterThan(10)
  })

  it('are those of the file, also where the build has read another one', () => {
    const file = join(dir, 'guardrails.yaml')
    const text = readFileSync(file, 'utf8')
    expect(loadRules(dir)).toEqual(loadRules(shipped))
    writeFileSync(file, text.replace('severity: critical', 'severity: low'))
    expect(loadRules(dir).guardrails.guardrails[0]?.severity).toBe('low')
  })

  it('name the line of a key that is mistyped', () => {
    const file = join(dir, 'guardrails.yaml')
    const text = readFileSync(file, 'utf8')
    const line = text.split('\n').findIndex((each) => each.includes('severity: critical')) + 1
    writeFileSync(file, text.replace('severity: critical', 'severty: critical'))
    const error = refusal()
    expect(error.code).toBe('RULES_INVALID')
    expect(error.message).toContain(`line ${line}: \`guardrails.0.severty\``)
  })

  it.each([
    ['generalise.yaml', 'uuid: 3', 'uuid: 9'],
    ['generalise.yaml', 'uuid: 3', 'uid: 3'],
    ['generalise.yaml', 'prefix: /dev/pts/', 'prefix: /dev/pts'],
    ['generalise.yaml', 'schema: snug.generalise/v1', 'schema: snug.generalise/v2'],
    ['guardrails.yaml', 'attack: [T1620]', 'attack: [1620]'],
    ['guardrails.yaml', 'id: exec-drift', 'id: exec-memfd'],
    ['guardrails.yaml', 'kind: exec', 'kind: exek'],
  ])('of %s are refused where `%s` becomes `%s`', (name, from, to) => {
    const file = join(dir, name)
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to))
    expect(refusal().code).toBe('RULES_INVALID')
  })

  it('are refused where a file is missing', () => {
    rmSync(join(dir, 'generalise.yaml'))
    expect(refusal().code).toBe('RULES_INVALID')
  })
})

describe('guardrails of a site', () => {
  const own = (when: string, id = 'known-bad'): string => {
    const file = join(dir, 'own.yaml')
    writeFileSync(
      file,
      `schema: snug.guardrails/v1
guardrails:
  - { id: ${id}, title: A known bad file, severity: critical, attack: [], why: a list has it, when: [${when}] }
`,
    )
    return file
  }
  const shippedRules = loadRules().guardrails
  const hash = 'ab'.repeat(32)

  it('are added to the built-in ones', () => {
    const file = own(`{ kind: exec, hash: ['${hash}'] }`)
    const { guardrails } = withOwnGuardrails(shippedRules, file)
    expect(guardrails.slice(0, -1)).toEqual(shippedRules.guardrails)
    expect(guardrails.at(-1)?.when).toEqual([{ kind: 'exec', hash: [hash] }])
    expect(withOwnGuardrails(shippedRules, undefined)).toBe(shippedRules)
  })

  it.each([
    ['an MD5', `{ kind: exec, hash: ['${'ab'.repeat(16)}'] }`, 'line 3'],
    ['capital letters', `{ kind: exec, hash: ['${hash.toUpperCase()}'] }`, 'SHA-256'],
    ['no hash at all', '{ kind: exec, hash: [] }', 'line 3'],
    ['the hash of a file that is read', `{ kind: file, hash: ['${hash}'] }`, 'line 3'],
  ])('are refused with %s', (_, when, why) => {
    const wrong = (): unknown => withOwnGuardrails(shippedRules, own(when))
    expect(wrong).toThrow(expect.objectContaining({ code: 'RULES_INVALID' }))
    expect(wrong).toThrow(why)
  })

  it('are refused where one has the id of a built-in guardrail', () => {
    const file = own('{ kind: exec, path: [/tmp/x] }', 'exec-memfd')
    const wrong = (): unknown => withOwnGuardrails(shippedRules, file)
    expect(wrong).toThrow(expect.objectContaining({ code: 'RULES_INVALID' }))
  })
})

describe('techniques', () => {
  it('have no condition on a hash, as none is known when an event is judged', () => {
    const file = join(dir, 'techniques.yaml')
    const when = `[{ kind: exec, hash: ['${'ab'.repeat(32)}'] }]`
    const rule = `{ id: mine, attack: [T1059], why: because, when: ${when} }`
    writeFileSync(file, `schema: snug.techniques/v1\ntechniques:\n  - ${rule}\n`)
    expect(() => loadTechniques(file)).toThrow(expect.objectContaining({ code: 'RULES_INVALID' }))
  })

  const own = (text: string): string => {
    const file = join(dir, 'own.yaml')
    writeFileSync(file, `schema: snug.techniques/v1\ntechniques:\n${text}`)
    return file
  }

  it('of an operator are added to those of the installation', () => {
    const rule = '{ id: mine, attack: [T1005], why: ours, when: [{ kind: exec, name: [backup] }] }'
    const { techniques } = loadTechniques(own(`  - ${rule}\n`))
    expect(techniques.slice(0, -1)).toEqual(loadTechniques().techniques)
    expect(techniques.at(-1)?.id).toBe('mine')
  })

  it.each([
    '{ id: mine, attack: [T5], why: ours }',
    '{ id: mine, attack: [T1005], why: ours, when: [{ kind: exec, nam: [backup] }] }',
    '{ id: mine, attack: [T1005], why: ours, peers: 1 }',
  ])('are refused with the line: %s', (rule) => {
    const file = own(`  - ${rule}\n`)
    expect(() => loadTechniques(file)).toThrow(/line 3/)
  })
})
