import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

/** Fields of Security Insights 2.2.0 (`spec/schema.cue` of ossf/security-insights), as far as the file has them. */
const text = z.string().min(1)
const url = z.string().regex(/^https?:\/\/\S+$/)
const day = z.iso.date()
const contact = z.strictObject({
  name: text,
  primary: z.boolean(),
  affiliation: text.optional(),
  email: z.email().optional(),
  social: text.optional(),
})
const assessment = z.strictObject({
  comment: text,
  name: text.optional(),
  evidence: url.optional(),
  date: day.optional(),
})
const schema = z.strictObject({
  header: z.strictObject({
    'last-reviewed': day,
    'last-updated': day,
    'schema-version': z.string().regex(/^[1-9]+\.[0-9]+\.[0-9]+$/),
    url,
    comment: text.optional(),
  }),
  project: z.strictObject({
    name: text,
    homepage: url.optional(),
    roadmap: url.optional(),
    administrators: z.array(contact).min(1),
    repositories: z.array(z.strictObject({ name: text, comment: text, url })).min(1),
    'vulnerability-reporting': z.strictObject({
      'reports-accepted': z.boolean(),
      'bug-bounty-available': z.boolean(),
      policy: url.optional(),
      comment: text.optional(),
      'in-scope': z.array(text).optional(),
      'out-of-scope': z.array(text).optional(),
    }),
    documentation: z
      .strictObject({
        design: url,
        'detailed-guide': url,
        'code-of-conduct': url,
        'quickstart-guide': url,
        'release-process': url,
        'support-policy': url,
        'signature-verification': url,
      })
      .partial(),
  }),
  repository: z.strictObject({
    status: z.enum([
      'active',
      'abandoned',
      'concept',
      'inactive',
      'moved',
      'suspended',
      'unsupported',
      'WIP',
    ]),
    url,
    'accepts-change-request': z.boolean(),
    'accepts-automated-change-request': z.boolean(),
    'no-third-party-packages': z.boolean().optional(),
    'core-team': z.array(contact).min(1),
    license: z.strictObject({ url, expression: text }),
    documentation: z
      .strictObject({
        'contributing-guide': url,
        'dependency-management-policy': url,
        governance: url,
        'review-policy': url,
        'security-policy': url,
      })
      .partial(),
    security: z.strictObject({
      assessments: z.strictObject({
        self: assessment,
        'third-party': z.array(assessment).optional(),
      }),
      tools: z.array(
        z.strictObject({
          name: text,
          type: z.enum(['fuzzing', 'container', 'secret', 'SCA', 'SAST', 'other']),
          version: text.optional(),
          comment: text.optional(),
          rulesets: z.array(text).min(1),
          integration: z.strictObject({
            adhoc: z.boolean(),
            ci: z.boolean(),
            release: z.boolean(),
          }),
          results: z.strictObject({}),
        }),
      ),
    }),
  }),
})

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(root + path, 'utf8')
const source = read('SECURITY-INSIGHTS.yml')

describe('SECURITY-INSIGHTS.yml', () => {
  const file = schema.parse(parse(source))

  test('has the fields of the published schema, and names one first contact', () => {
    expect(file.project.administrators.filter(({ primary }) => primary)).toHaveLength(1)
    expect(file.repository['core-team'].filter(({ primary }) => primary)).toHaveLength(1)
  })

  test('links only pages that are there', () => {
    const pages = [...source.matchAll(/\/(?:blob|raw)\/main\/(\S+)/g)].map(([, path = '']) => path)
    expect(pages.length).toBeGreaterThan(10)
    expect(pages.filter((path) => !existsSync(root + path))).toEqual([])
  })

  test('names a tool as part of CI only where a workflow or its command has it', () => {
    const workflows = ['check', 'codeql', 'review', 'scorecard'].map((name) =>
      read(`.github/workflows/${name}.yml`),
    )
    const shown = {
      CodeQL: 'codeql-action',
      'npm audit': '--audit',
      'OpenSSF Scorecard': 'scorecard-action',
    }
    for (const { name, integration } of file.repository.security.tools) {
      const word = (shown as Record<string, string>)[name] ?? name
      expect([name, workflows.some((text) => text.includes(word))]).toEqual([name, integration.ci])
    }
  })
})
