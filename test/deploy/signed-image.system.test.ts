import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeError } from '../../src/errors.ts'
import { runCli } from '../fixtures/agent.ts'
import { agentContainer } from '../fixtures/agent-container.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { Registry } from '../fixtures/registry.ts'
import { snugImage } from '../kube/story/images.ts'

/** The image of deploy/Dockerfile from its registry, signed by the script of the release and verified by Debian's cosign. */
const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/var/tmp/snug-signed-')
const kernelState = `/sys/fs/bpf/${folder.split('/').at(-1)}`
const at = (name: string): string => join(folder, name)
const env = {
  ...process.env,
  HOME: folder,
  COSIGN_PASSWORD: '',
  DOCKER_HOST: `unix://${socket}`,
  DOCKER_CONFIG: at('docker'),
}
let registry: Registry
let tag = ''
let digest = ''

async function run(program: string, args: readonly string[], more: object = {}): Promise<string> {
  const options = { env: { ...env, ...more }, maxBuffer: 1 << 26, timeout: 240_000 }
  const { stdout } = await promisify(execFile)(program, args, options)
  return stdout.trim()
}

/** Pushes, and gives `repository@digest`. */
async function pushed(name: string): Promise<string> {
  await run('docker', ['push', '-q', name])
  const digests = await run('docker', ['inspect', '-f', '{{join .RepoDigests "\\n"}}', name])
  const repository = name.slice(0, name.lastIndexOf(':'))
  const found = digests.split('\n').findLast((each) => each.startsWith(`${repository}@`))
  if (found === undefined) throw new Error(`no digest of ${name}: ${digests}`)
  return found
}

/** Its output, or its error. No log of signatures is here. */
const verified = (what: readonly string[], image: string, key: string): Promise<string> =>
  run('cosign', [
    ...what,
    '--key',
    at(`${key}.pub`),
    '--insecure-ignore-tlog',
    '--allow-http-registry',
    image,
  ]).catch(describeError)

beforeAll(async () => {
  registry = await Registry.start()
  tag = `${registry.host}/snug:1`
  for (const name of ['release', 'other']) {
    await run('cosign', ['generate-key-pair', '--output-key-prefix', at(name)])
  }
  await snugImage(docker, tag)
  digest = await pushed(tag)
})

afterAll(async () => {
  await run('docker', ['rm', '-f', 'snug-signed']).catch(() => undefined)
  await runCli(['kernel', 'detach', '--yes', '--kernel-state', kernelState])
  await docker.getImage(tag).remove({ force: true })
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('the image that the release signs is verified by cosign, pulled by that digest, and observes', async () => {
  const sbom = at('sbom.cdx.json')
  const cat = ['run', '--rm', '--entrypoint', 'cat', tag, '/usr/share/snug/sbom.cdx.json']
  writeFileSync(sbom, await run('docker', cat))
  const script = fileURLToPath(new URL('../../deploy/release/sign-image.sh', import.meta.url))
  const local = ['--tlog-upload=false', '--allow-http-registry']
  await expect(run(script, [tag, sbom, ...local])).rejects.toMatchObject({ code: 64 })
  await run(script, [digest, sbom, ...local], { COSIGN_KEY: at('release.key') })

  const [claim] = JSON.parse(await verified(['verify'], digest, 'release')) as readonly {
    readonly critical: { readonly image: Readonly<Record<string, string>> }
  }[]
  const signed = claim?.critical.image['docker-manifest-digest'] ?? ''
  expect(digest).toBe(`${registry.host}/snug@${signed}`)
  expect(await verified(['verify'], digest, 'other')).toMatch(/no matching|invalid signature/)
  const statement = JSON.parse(
    await verified(['verify-attestation', '--type', 'cyclonedx'], digest, 'release'),
  ) as { readonly payload: string }
  const { predicate } = JSON.parse(Buffer.from(statement.payload, 'base64').toString()) as {
    readonly predicate: object
  }
  expect(predicate).toEqual(JSON.parse(readFileSync(sbom, 'utf8')))

  await docker.getImage(tag).remove({ force: true })
  const name = `${registry.host}/snug@${signed}`
  await run('docker', ['pull', '-q', name])
  mkdirSync(at('data'))
  const options = agentContainer('snug-signed', { data: at('data'), socket })
  await run('docker', ['run', ...options, name, 'agent', '--kernel-state', kernelState])
  const status = JSON.parse(
    await run('docker', ['exec', 'snug-signed', 'snug', 'status', '--wait', '90s', '-o', 'json']),
  ) as object
  expect(status).toMatchObject({
    sources: [{ name: 'ebpf', state: 'running' }],
    engines: [{ name: 'docker', state: 'running' }],
  })
  await run('docker', ['stop', 'snug-signed'])
})

test('cosign refuses another image under the tag that was signed', async () => {
  await busyboxImage(docker, { name: tag })
  const other = await pushed(tag)
  expect(other).not.toBe(digest)
  expect(await verified(['verify'], tag, 'release')).toMatch(/no signatures found|no matching/)
})
