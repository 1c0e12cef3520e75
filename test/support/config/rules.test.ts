import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadRules, loadTechniques } from '../../../src/support/config/load-rules.ts'
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

describe('techniques', () => {
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
