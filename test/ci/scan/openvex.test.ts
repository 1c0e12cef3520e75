import { expect, it } from 'vitest'
import { openVex } from '../../../src/ci/scan/openvex.ts'
import { openVexFaults } from '../../fixtures/published-schemas.ts'
import { joinedWith, profile, trivy } from '../../fixtures/scan-fixtures.ts'

interface Document {
  readonly '@id': string
  readonly author: string
  readonly role?: string
  readonly statements: readonly {
    readonly vulnerability: { readonly name: string }
    readonly status: string
    readonly status_notes?: string
  }[]
}

const scan = await joinedWith(trivy)
const options = {
  image: profile.image,
  observed: profile.image,
  time: '2026-11-24T14:00:00Z',
  version: '0.1.0',
}
const vex = (acceptedBy?: string): Document => {
  const found = openVex(scan, acceptedBy === undefined ? options : { ...options, acceptedBy })
  expect(openVexFaults(found)).toEqual([])
  return found as Document
}

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

it('is about another build than the profile where that is asked, and names the build of the profile', () => {
  const image = { repository: 'web', digest: `sha256:${'9'.repeat(64)}` }
  const found = openVex(scan, { ...options, image })
  expect(openVexFaults(found)).toEqual([])
  const { statements } = found as {
    readonly statements: readonly {
      readonly products: readonly { readonly '@id': string }[]
      readonly status_notes: string
    }[]
  }
  for (const { products, status_notes: notes } of statements) {
    expect(products[0]?.['@id']).toBe(`pkg:oci/web@${encodeURIComponent(image.digest)}`)
    expect(notes).toContain(` of ${profile.image.digest}`)
  }
  expect(JSON.stringify(vex())).not.toContain(` of ${profile.image.digest}`)
})
