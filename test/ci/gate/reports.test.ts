import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as draft04 from 'ajv-draft-04'
import * as formats from 'ajv-formats'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { validateXML } from 'xmllint-wasm'
import {
  type GateFinding,
  gateRules,
  findingLevels,
  type GateResult,
} from '../../../src/supplychain/findings/finding.ts'
import { gateJunit } from '../../../src/ci/gate/junit.ts'
import { code, gateMarkdown } from '../../../src/ci/gate/markdown.ts'
import { gateSarif } from '../../../src/ci/gate/sarif.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { against, service } from '../../fixtures/gate-fixtures.ts'
import { anyText } from '../../fixtures/any-text.ts'

const require = createRequire(import.meta.url)
const sarifFolder = require.resolve('@microsoft/jest-sarif').replace(/index\.js$/, '')
const sarifSchema = JSON.parse(
  readFileSync(`${sarifFolder}schemas/sarif-2.1.0-rtm.5.json`, 'utf8'),
) as object
const ajv = new draft04.default.default({ strict: false, unicodeRegExp: false, allErrors: true })
formats.default.default(ajv)
const isSarif = ajv.compile(sarifSchema)
const xsd = readFileSync(new URL('../../schemas/junit.xsd', import.meta.url), 'utf8')

const text = fc.oneof(
  fc.string(),
  anyText(),
  fc.constantFrom('a](http://x){0}', '`|<b>', ']]>&"\u0000\u001b[31m'),
)
const finding: fc.Arbitrary<GateFinding> = fc.record(
  {
    id: text,
    rule: fc.constantFrom(...gateRules),
    level: fc.constantFrom(...findingLevels),
    text,
    why: text,
    path: text,
    approved: fc.record({ owner: text, until: fc.constant('2026-12-31T00:00:00Z'), reason: text }),
  },
  { requiredKeys: ['id', 'rule', 'level', 'text'] },
)
const resultOf = (image: string, findings: readonly GateFinding[]): GateResult => ({
  ...against(service()),
  image,
  findings,
  counts: { approve: findings.length, warn: 0, note: 0, approved: 0 },
})

const odd = act.connect('203.0.113.9', 443, { exe: '/usr/bin/[a](b) `{0}` | <x>\u001b[31m' })
const stopped = against(service(odd))

it('writes valid SARIF by its schema, whatever text it contains', () => {
  expect(isSarif(gateSarif(stopped, '1.0.0')), ajv.errorsText(isSarif.errors)).toBe(true)
  fc.assert(
    fc.property(text, fc.array(finding, { maxLength: 4 }), (image, findings) => {
      const sarif = JSON.parse(
        JSON.stringify(gateSarif(resultOf(image, findings), '1.0.0')),
      ) as object
      expect(isSarif(sarif), ajv.errorsText(isSarif.errors)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('names in SARIF the findings that close the gate, and no name of the image becomes a link', () => {
  const { runs } = gateSarif(stopped, '1.0.0') as { runs: { results: object[] }[] }
  expect(runs[0]?.results).toMatchObject([
    {
      ruleId: 'new-peer',
      level: 'error',
      partialFingerprints: { 'snugFinding/v1': stopped.findings[0]?.id },
    },
  ])
  const message = JSON.stringify(runs[0]?.results[0])
  expect(message).toContain('203.0.113.9:443')
  expect(message).toContain('\\\\[a\\\\](b)')
  expect(message).toContain('{{0}}')
})

it('writes valid JUnit by its schema, whatever text it contains', async () => {
  const xmls: string[] = [gateJunit(stopped), gateJunit(against(service()))]
  fc.assert(
    fc.property(text, fc.array(finding, { maxLength: 4 }), (image, findings) => {
      xmls.push(gateJunit(resultOf(image, findings)))
    }),
    { numRuns: 40 },
  )
  const xml = xmls.map((contents, at) => ({ fileName: `${at}.xml`, contents }))
  const { valid, errors } = await validateXML({
    xml,
    schema: { fileName: 'junit.xsd', contents: xsd },
  })
  expect(errors).toEqual([])
  expect(valid).toBe(true)
  expect(xmls[0]).toContain('failures="1"')
  expect(xmls[1]).toContain(
    '<testcase classname="snug.gate" name="6 of 6 behaviours are as before"/>',
  )
})

it('summarises for a pull request, where names of the image are no markup', () => {
  const summary = gateMarkdown(stopped)
  expect(summary).toContain('stopped: 1 decision is needed')
  expect(summary.match(/^\|/gm)).toHaveLength(3)
  expect(summary).not.toContain('\u001b')
  expect(gateMarkdown(against(service()))).toMatch(/`shop\/web:2` against `shop\/web:1` passed/)
  fc.assert(
    fc.property(text, (name) => {
      const span = code(name)
      const marks = /^`+/.exec(span)?.[0] ?? ''
      expect(span.endsWith(marks)).toBe(true)
      expect(span).not.toMatch(/[\n\r]/)
      expect(span.slice(marks.length, -marks.length).split(/[^`]+/)).not.toContain(marks)
    }),
  )
})
