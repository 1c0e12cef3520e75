import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Cosign, cosign, cosign2, cosigns, statementIn } from '../fixtures/cosign.ts'
import { Registry } from '../fixtures/registry.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** The scripts of the release with Debian's oras, cosign and docker-registry. Only keys are trusted: no log is at hand. */
const folder = mkdtempSync('/var/tmp/snug-chart-')
const at = (name: string): string => join(folder, name)
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const script = (name: string): string => join(checkout, 'deploy/release', name)
const version = '1.2.3-rc.1+build.7'
const chart = `snug-chart-${version}.tgz`
const local = ['--tlog-upload=false', '--allow-http-registry']
let registry: Registry

async function run(program: string, args: readonly string[], more: object = {}): Promise<string> {
  const env = { ...process.env, HOME: folder, COSIGN_PASSWORD: '', ...more }
  const options = { env, cwd: checkout, maxBuffer: 1 << 26, timeout: patienceMs }
  const { stdout, stderr } = await promisify(execFile)(program, args, options)
  return stdout.trim() === '' ? stderr.trim() : stdout.trim()
}

const signing = { COSIGN_KEY: at('release.key') }
const verify = (by: Cosign, ...args: readonly string[]): Promise<string> =>
  cosign(by, args, { HOME: folder })
const withKey = (key: string): readonly string[] => [
  '--key',
  at(`${key}.pub`),
  '--insecure-ignore-tlog',
]

beforeAll(async () => {
  registry = await Registry.start()
  for (const name of ['release', 'other']) {
    await run('cosign', ['generate-key-pair', '--output-key-prefix', at(name)])
  }
  await run(script('chart.sh'), [folder, version])
  const [sum = ''] = (await run('sha256sum', [at(chart)])).split(' ')
  writeFileSync(at('SHA256SUMS'), `${sum}  ${chart}\n`)
  await run('node', [script('provenance.mjs'), folder, version], { SNUG_BUILT_WITH: 'cosign' })
  const root = { mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' }
  writeFileSync(at('root.json'), JSON.stringify(root))
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe('the chart', () => {
  const charts = (): string => `${registry.host}/charts`
  const push = (): Promise<string> =>
    run(script('push-chart.sh'), [charts(), folder, '--plain-http'])

  test('is packed to the same bytes each time, with the version of the release', async () => {
    const again = at('again')
    await run(script('chart.sh'), [again, version])
    expect(readFileSync(join(again, chart)).equals(readFileSync(at(chart)))).toBe(true)
    await run('tar', ['-xzf', at(chart), '-C', again])
    const packed: unknown = parse(readFileSync(join(again, 'snug/Chart.yaml'), 'utf8'))
    expect(packed).toMatchObject({ name: 'snug', version, appVersion: version })
    const differs = await run('diff', ['-r', 'deploy/helm/snug', join(again, 'snug')]).catch(
      (error: unknown) => (error as { readonly stdout: string }).stdout,
    )
    expect(differs.split('\n').filter((line) => /^[<>O]/.test(line))).toEqual([
      '< version: 0.1.0',
      '< appVersion: 0.1.0',
      `> version: ${version}`,
      `> appVersion: ${version}`,
    ])
  })

  test('is an artifact as Helm makes it, by the same digest each time', async () => {
    const name = await push()
    expect(name).toMatch(new RegExp(`^${charts()}/snug@sha256:[0-9a-f]{64}$`))
    expect(await push()).toBe(name)
    const tag = `${charts()}/snug:1.2.3-rc.1_build.7`
    const manifest = JSON.parse(
      await run('oras', ['manifest', 'fetch', '--plain-http', tag]),
    ) as object
    expect(manifest).toMatchObject({
      config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' },
      layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' }],
      annotations: {
        'org.opencontainers.image.title': 'snug',
        'org.opencontainers.image.version': version,
      },
    })
    const fetched = ['manifest', 'fetch-config', '--plain-http', tag]
    const inside = await run('tar', ['-xzOf', at(chart), 'snug/Chart.yaml'])
    expect(JSON.parse(await run('oras', fetched))).toEqual(parse(inside))
    await run('oras', ['pull', '--plain-http', '-o', at('pulled'), name])
    const pulled = readFileSync(join(at('pulled'), `snug-${version}.tgz`))
    expect(pulled.equals(readFileSync(at(chart)))).toBe(true)
  })

  test('is signed with its provenance, and cosign verifies both and refuses another key', async () => {
    const name = await push()
    const unsigned = await verify(
      cosign2,
      'verify',
      ...withKey('release'),
      '--allow-http-registry',
      name,
    )
    expect(unsigned).toMatch(/no signatures found/)
    const sign = script('sign-artifact.sh')
    const named = run(sign, [`${charts()}/snug:x`, at('provenance.json'), ...local], signing)
    await expect(named).rejects.toMatchObject({ code: 64 })
    await run(sign, [name, at('provenance.json'), ...local], signing)
    const signed = await verify(
      cosign2,
      'verify',
      ...withKey('release'),
      '--allow-http-registry',
      name,
    )
    expect(signed).toContain(name.split('@')[1])
    const attested = (key: string): Promise<string> =>
      verify(
        cosign2,
        'verify-attestation',
        ...withKey(key),
        '--allow-http-registry',
        '--type',
        'slsaprovenance1',
        name,
      )
    expect(statementIn(await attested('release'))).toMatchObject({
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: JSON.parse(readFileSync(at('provenance.json'), 'utf8')) as object,
    })
    expect(await attested('other')).toMatch(/no matching|invalid signature/)
  })
})

describe('the provenance', () => {
  const statement = (): unknown => JSON.parse(readFileSync(at('provenance.intoto.json'), 'utf8'))
  const verified = (by: Cosign, key: string, file = chart): Promise<string> =>
    verify(
      by,
      'verify-blob-attestation',
      '--key',
      at(`${key}.pub`),
      ...by.keyOnly,
      ...by.bundles,
      '--trusted-root',
      at('root.json'),
      '--bundle',
      at(`${chart}.sigstore.json`),
      '--type',
      'slsaprovenance1',
      at(file),
    )

  test('names the files, the commit, the lock file and the packages of the build', async () => {
    const [sum = ''] = (await run('sha256sum', [at(chart)])).split(' ')
    expect(statement()).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: chart, digest: { sha256: sum } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: { externalParameters: { version } },
        runDetails: { builder: { id: 'urn:snug:builder:make' } },
      },
    })
    const [lock = ''] = (await run('sha256sum', ['package-lock.json'])).split(' ')
    const commit = await run('git', ['rev-parse', 'HEAD'])
    const text = JSON.stringify(statement())
    for (const each of [lock, commit, 'pkg:deb/debian/cosign@']) expect(text).toContain(each)
  })

  test('is attested for each file; cosign verifies it, and refuses a changed file and another key', async () => {
    await run(script('attest.sh'), [folder, '--tlog-upload=false'], signing)
    writeFileSync(at('changed.tgz'), readFileSync(at(chart)))
    appendFileSync(at('changed.tgz'), 'x')
    for (const by of cosigns) {
      expect(await verified(by, 'release')).toContain('Verified OK')
      expect(await verified(by, 'other')).toMatch(
        /invalid signature|could not verify|failed to verify/,
      )
      expect(await verified(by, 'release', 'changed.tgz')).toMatch(/do(es)? not match/)
    }
  })
})
