import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/agent.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { containerdPath } from '../fixtures/runtimes.ts'
import { runPage } from '../fixtures/tutorial.ts'
import { Cluster } from './cluster/cluster.ts'
import { snugImage } from './story/images.ts'

const folder = mkdtempSync('/var/tmp/snug-tutorial-')
/** With a host part: containerd takes no other. */
const registry = 'localhost'
let cluster: Cluster
let engine: Dockerd
let env: Readonly<Record<string, string>> = {}

/** `docker push` loads the image into the node, as there is no registry that the node pulls from. */
function dockerThatLoads(): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const docker = join(bin, 'docker')
  const load = cluster.own
    ? `ctr -a '${cluster.sockets.runtime}' -n k8s.io images import --digests --base-name "\${2%:*}"`
    : process.env['SNUG_TEST_LOAD']
  writeFileSync(
    docker,
    `#!/bin/sh
set -e
[ "$1" = push ] || exec /usr/bin/docker "$@"
/usr/bin/docker save -o '${folder}/image.tar' "$2"
${load} '${folder}/image.tar'
`,
  )
  chmodSync(docker, 0o755)
  return bin
}

/** A checkout's manifests, with the data of the agent in a folder of this test. */
function copyManifests(): void {
  const shipped = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url))
  const copy = join(folder, 'deploy/kubernetes')
  cpSync(shipped, copy, { recursive: true })
  const file = join(copy, 'base/daemonset.yaml')
  const text = readFileSync(file, 'utf8')
  const moved = text.replace('path: /var/lib/snug, type', `path: ${folder}/data, type`)
  expect(moved).not.toBe(text)
  writeFileSync(file, moved)
}

async function builtImage(): Promise<void> {
  engine = await startDockerd()
  await snugImage(engine.docker, `${registry}/snug:1`)
}

beforeAll(async () => {
  const starting = Cluster.start({ node: true })
  const built = builtImage()
  // One that started is stopped in the end, also where the image was not built.
  ;[cluster] = await Promise.all([starting, built.catch(() => undefined)])
  await built
  copyManifests()
  env = {
    REGISTRY: registry,
    KUBECONFIG: cluster.kubeconfig,
    PATH: `${dockerThatLoads()}:${containerdPath()}`,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CONFIG: join(folder, 'docker'),
  }
  await promisify(execFile)('docker', ['push', `${registry}/snug:1`], {
    env: { ...process.env, ...env },
  })
})

afterAll(async () => {
  await engine?.stop()
  await cluster?.stop()
  // Where the page came to its end, nothing is there.
  if (existsSync('/sys/fs/bpf/snug')) await runCli(['kernel', 'detach', '--yes'])
  rmSync(folder, { recursive: true, force: true })
})

test('every command of the tutorial for Kubernetes works as it stands, with the output that the page shows', async () => {
  await runPage('kubernetes.md', { cwd: folder, env, timeoutMs: 1_200_000 })
}, 1_220_000)
