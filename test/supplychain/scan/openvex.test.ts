import { expect, it } from 'vitest'
import { z } from 'zod'
import { openVex } from '../../../src/supplychain/scan/openvex.ts'
import { joinedWith, profile, trivy } from '../../fixtures/scan-fixtures.ts'

/** The members of OpenVEX 0.2.0 (openvex/spec, openvex_json_schema.json); no others are allowed. */
const component = z.strictObject({
  '@id': z.url().optional(),
  subcomponents: z.array(z.strictObject({ '@id': z.url() })),
})
const statement = z
  .strictObject({
    vulnerability: z.strictObject({ name: z.string() }),
    products: z.array(component),
    status: z.enum(['not_affected', 'affected', 'fixed', 'under_investigation']),
    status_notes: z.string().optional(),
    justification: z
      .enum([
        'component_not_present',
        'vulnerable_code_not_present',
        'vulnerable_code_not_in_execute_path',
        'vulnerable_code_cannot_be_controlled_by_adversary',
        'inline_mitigations_already_exist',
      ])
      .optional(),
    impact_statement: z.string().optional(),
    action_statement: z.string().optional(),
  })
  .refine(({ status, justification, impact_statement: impact }) => {
    return status !== 'not_affected' || (justification === undefined) !== (impact === undefined)
  })
  .refine(({ status, action_statement: action }) => status !== 'affected' || action !== undefined)
const document = z.strictObject({
  '@context': z.url(),
  '@id': z.url(),
  author: z.string(),
  role: z.string().optional(),
  timestamp: z.iso.datetime(),
  version: z.int().min(1),
  tooling: z.string(),
  statements: z.array(statement).min(1),
})

const scan = await joinedWith(trivy)
const options = { image: profile.image, time: '2026-11-24T14:00:00Z', version: '0.1.0' }
const vex = (acceptedBy?: string) =>
  document.parse(openVex(scan, acceptedBy === undefined ? options : { ...options, acceptedBy }))

it('proposes, with the reason and the coverage behind it, and suppresses nothing by itself', () => {
  const { author, role, statements } = vex()
  expect([author, role]).toEqual(['Snug', 'proposal of a tool, not reviewed'])
  expect(new Set(statements.map(({ status }) => status))).toEqual(new Set(['under_investigation']))
  const notSeen = statements.filter(({ status_notes: notes }) =>
    notes?.startsWith('proposed: not_affected'),
  )
  expect(notSeen.map(({ vulnerability }) => vulnerability.name)).toEqual([
    'CVE-11',
    'CVE-3',
    'CVE-7',
    'CVE-8',
  ])
  expect(notSeen[0]?.status_notes).toMatch(/not seen: its one file .*\(1 container run/)
})

it('states `not_affected` only for unseen packages, once an author takes responsibility', () => {
  const { author, statements } = vex('sec@shop.example')
  expect(author).toBe('sec@shop.example')
  const names = statements
    .filter(({ status }) => status === 'not_affected')
    .map(({ vulnerability }) => vulnerability.name)
  expect(names).toEqual(['CVE-11', 'CVE-3', 'CVE-7', 'CVE-8'])
})

it('is the same document for the same statement, and another for another', () => {
  expect(vex()).toEqual(vex())
  expect(vex('a')['@id']).not.toBe(vex('b')['@id'])
})
