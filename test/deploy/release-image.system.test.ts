import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/agent.ts'
import { agentContainer } from '../fixtures/agent-container.ts'
import { type Cosign, cosign, cosigns, statementIn } from '../fixtures/cosign.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { trivyReport } from '../fixtures/own-report.ts'
import { Registry } from '../fixtures/registry.ts'
import { releaseSensors } from '../fixtures/release-sensors.ts'

/**
 * The image of the release for x86-64 and arm64, made on this machine, and published by the script of the release with
 * Debian's oras, cosign and docker-registry. That of arm64 is read and not run.
 */
interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string }
}
interface Manifest {
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}
interface Index {
  readonly manifests: readonly Descriptor[]
}

const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/var/tmp/snug-release-image-')
const at = (name: string): string => join(folder, name)
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const script = (name: string): string => join(checkout, 'deploy/release', name)
const kernelState = `/sys/fs/bpf/${folder.split('/').at(-1)}`
const container = `snug-released-${process.pid}`
const version = '1.2.3'
let registry: Registry
let names: readonly string[] = []

async function run(program: string, args: readonly string[], more: object = {}): Promise<string> {
  const env = {
    ...process.env,
    HOME: folder,
    COSIGN_PASSWORD: '',
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: at('docker'),
    SNUG_SENSORS: releaseSensors(),
    SNUG_IMAGE_COMPRESSION: '1',
    ...more,
  }
  const options = { env, cwd: checkout, maxBuffer: 1 << 26, timeout: 560_000 }
  return (await promisify(execFile)(program, args, options)).stdout.trim()
}
const blobPath = (digest: string): string => at(`image/blobs/${digest.replace(':', '/')}`)
const jsonAt = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
const manifestOf = (digest: string): Manifest => jsonAt(blobPath(digest)) as Manifest
const index = (): Descriptor => {
  const [only] = (jsonAt(at('image/index.json')) as Index).manifests
  if (only === undefined) throw new Error('the layout is empty')
  return only
}
const images = (): readonly Descriptor[] => (jsonAt(blobPath(index().digest)) as Index).manifests
const verified = (by: Cosign, key: string, ...args: readonly string[]): Promise<string> =>
  cosign(
    by,
    [
      ...args.slice(0, -1),
      '--key',
      at(`${key}.pub`),
      '--insecure-ignore-tlog',
      '--allow-http-registry',
      args.at(-1) ?? '',
    ],
    { HOME: folder },
  )

beforeAll(async () => {
  registry = await Registry.start()
  for (const name of ['release', 'other']) {
    await run('cosign', ['generate-key-pair', '--output-key-prefix', at(name)])
  }
  await run(script('image.sh'), [folder, version])
  await run(script('chart.sh'), [folder, version])
  mkdirSync(at('reports'))
  writeFileSync(at('reports/trivy.json'), JSON.stringify(trivyReport(folder, ['libc6'])))
  await run(script('vex.sh'), [folder, at('reports')])
  const [sum = ''] = (await run('sha256sum', [at(`snug-chart-${version}.tgz`)])).split(' ')
  writeFileSync(at('SHA256SUMS'), `${sum}  snug-chart-${version}.tgz\n`)
  await run('node', [script('provenance.mjs'), folder, version])
  const signing = { COSIGN_KEY: at('release.key'), SNUG_PLAIN_HTTP: '1' }
  const published = await run(
    script('publish.sh'),
    [folder, registry.host, '--tlog-upload=false'],
    signing,
  )
  names = published.split('\n')
})

afterAll(async () => {
  await run('docker', ['rm', '-f', container]).catch(() => undefined)
  await runCli(['kernel', 'detach', '--yes', '--kernel-state', kernelState])
  const [image = ''] = names
  await docker
    .getImage(image)
    .remove({ force: true })
    .catch(() => undefined)
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('one index has an image for each machine, of blobs that are what they are called', () => {
  expect(images().map(({ platform }) => platform)).toEqual([
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
  ])
  const content = images().map(({ digest }) => manifestOf(digest))
  const below = content.flatMap(({ config, layers }) => [config, ...layers])
  for (const { digest, size } of [index(), ...images(), ...below]) {
    expect(statSync(blobPath(digest)).size).toBe(size)
    const sum = createHash('sha256')
      .update(readFileSync(blobPath(digest)))
      .digest('hex')
    expect(digest).toBe(`sha256:${sum}`)
  }
  expect(content.map(({ config }) => jsonAt(blobPath(config.digest)))).toMatchObject(
    images().map(({ platform }) => ({
      ...platform,
      config: { Entrypoint: ['snug'], Cmd: ['agent'] },
    })),
  )
})

test.each([
  ['amd64', 0x3e],
  ['arm64', 0xb7],
])(
  'that of %s has programs of that machine only, no shell, and a list of contents',
  async (machine, elf) => {
    const manifests = images()
    const found = manifests.find(({ platform }) => platform?.architecture === machine)
    const root = at(`root-${machine}`)
    mkdirSync(root)
    for (const { digest } of manifestOf(found?.digest ?? '').layers) {
      await run('tar', ['-xzf', blobPath(digest), '-C', root, '--keep-directory-symlink'])
    }
    const files = (await run('find', [root, '-type', 'f', '-size', '+63c', '-print0'])).split('\0')
    const programs = files
      .filter((file) => file !== '')
      .flatMap((file) => {
        const head = readFileSync(file).subarray(0, 20)
        return head.toString('latin1', 0, 4) === '\x7fELF'
          ? [{ file, machine: head.readUInt16LE(18) }]
          : []
      })
    expect(programs.map(({ file }) => file.slice(root.length))).toEqual(
      expect.arrayContaining(['/usr/bin/node', '/usr/lib/snug/agent/snug-sensor']),
    )
    expect(programs.filter((each) => each.machine !== elf)).toEqual([])
    expect(files.filter((file) => /[/](?:ba|da|busybox|z|k)?sh$/.test(file))).toEqual([])
    // Where scanners look: the system, and each package with those of its files that are here.
    expect(readFileSync(join(root, 'usr/lib/os-release'), 'utf8')).toMatch(/^ID=debian$/m)
    const database = (name: string): string =>
      readFileSync(join(root, 'var/lib/dpkg/status.d', name), 'utf8')
    expect(database('libc6')).toMatch(/^Version: \d/m)
    const listed = database('util-linux.md5sums').trimEnd().split('\n')
    expect(listed.map((line) => line.split('  ')[1])).toEqual(['usr/bin/setpriv'])
    const { components } = jsonAt(join(root, 'usr/share/snug/sbom.cdx.json')) as {
      readonly components: readonly { readonly purl: string }[]
    }
    const purls = components.map(({ purl }) => purl)
    for (const each of [
      /^pkg:deb\/debian\/nodejs@.*arch=/,
      /^pkg:generic\/libbpf@/,
      /^pkg:npm\/zod@/,
    ]) {
      expect(purls.filter((purl) => each.test(purl)).length).toBe(1)
    }
    const ofOthers = purls.filter((purl) => /arch=/.test(purl) && !/arch=(?:all)$/.test(purl))
    expect(ofOthers.filter((purl) => !purl.endsWith(`arch=${machine}`))).toEqual([])
  },
)

test.each(cosigns)(
  'cosign $version verifies the index, its provenance, each image and its list of contents',
  async (by) => {
    const [image = '', chart = ''] = names
    expect(image).toBe(`${registry.host}/snug@${index().digest}`)
    const provenance = ['verify-attestation', '--type', 'slsaprovenance1']
    for (const each of [image, chart]) {
      expect(await verified(by, 'release', 'verify', each)).toContain(each.split('@')[1])
      expect(await verified(by, 'other', 'verify', each)).toMatch(/no matching|invalid signature/)
      expect(statementIn(await verified(by, 'release', ...provenance, each))).toMatchObject({
        subject: [{ digest: { sha256: each.split(':').at(-1) } }],
        predicate: jsonAt(at('provenance.json')) as object,
      })
    }
    const vex = ['verify-attestation', '--type', 'openvex']
    for (const { digest, platform } of images()) {
      const one = `${registry.host}/snug@${digest}`
      expect(await verified(by, 'release', 'verify', one)).toContain(digest)
      const findings = await verified(by, 'release', ...vex, one)
      // The profile is of x86-64.
      if (platform?.architecture !== 'amd64') expect(findings).toMatch(/no matching|not found|none/)
      else {
        expect(statementIn(findings)).toMatchObject({
          predicate: jsonAt(at('snug.openvex.json')) as object,
        })
      }
      const contents = await verified(
        by,
        'release',
        'verify-attestation',
        '--type',
        'cyclonedx',
        one,
      )
      expect(statementIn(contents)).toMatchObject({
        predicate: jsonAt(at(`snug-image-${platform?.architecture}.cdx.json`)) as object,
      })
    }
  },
)

test('Docker takes the image of this machine from the index, and it observes', async () => {
  const [image = ''] = names
  await run('docker', ['pull', '-q', image])
  mkdirSync(at('data'))
  const options = agentContainer(container, { data: at('data'), socket })
  await run('docker', ['run', ...options, image, 'agent', '--kernel-state', kernelState])
  const asked = ['exec', container, 'snug', 'status', '--wait', '90s', '-o', 'json']
  expect(JSON.parse(await run('docker', asked))).toMatchObject({
    version,
    sources: [{ name: 'ebpf', state: 'running' }],
    engines: [{ name: 'docker', state: 'running' }],
  })
  expect(await run('docker', ['exec', container, 'sleep', '0'])).toBe('')
  await run('docker', ['stop', container])
})
