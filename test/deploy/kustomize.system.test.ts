import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Rendered {
  readonly kind: string
  readonly metadata: { readonly namespace?: string }
  readonly subjects?: readonly { readonly namespace: string }[]
}

it('moves to another namespace with its rights, as the documentation describes', () => {
  const page = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')
  const block = /```yaml\n(resources:.*?NamespaceTransformer.*?)```/s.exec(page)?.[1] ?? ''
  const overlay = parse(block) as { readonly resources: readonly string[] }
  const folder = mkdtempSync('/tmp/snug-overlay-')
  try {
    const resources = overlay.resources.map((each) => relative(folder, join(root, each)))
    writeFileSync(join(folder, 'kustomization.yaml'), stringify({ ...overlay, resources }))
    const text = execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
    const objects = parseAllDocuments(text).map((each) => each.toJS() as Rendered)
    const namespaces = objects.flatMap(({ metadata, subjects = [] }) => [
      ...(metadata.namespace === undefined ? [] : [metadata.namespace]),
      ...subjects.map(({ namespace }) => namespace),
    ])
    expect(namespaces.length).toBeGreaterThan(4)
    expect(new Set(namespaces)).toEqual(new Set(['security']))
    expect(objects.some(({ subjects }) => subjects !== undefined)).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('refuses pods while the webhook does not answer, with the component for that', () => {
  const folder = mkdtempSync('/tmp/snug-overlay-')
  const policyOf = (components: readonly string[]): unknown => {
    const at = (name: string): string => relative(folder, join(root, 'deploy/kubernetes', name))
    const overlay = { resources: [at('admission')], components: components.map(at) }
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(overlay))
    const text = execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
    const objects = parseAllDocuments(text).map((each) => each.toJS() as Registration)
    const found = objects.find(({ kind }) => kind === 'ValidatingWebhookConfiguration')
    return found?.webhooks.map(({ failurePolicy }) => failurePolicy)
  }
  try {
    expect(policyOf([])).toEqual(['Ignore'])
    expect(policyOf(['admission/enforce'])).toEqual(['Fail'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

interface Registration extends Rendered {
  readonly webhooks: readonly { readonly failurePolicy: string }[]
}
