import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Dockerd, startDockerd } from '../../fixtures/dockerd.ts'
import { debianBase } from '../../fixtures/eval-debian.ts'
import { busyboxImage } from '../../fixtures/images.ts'

const sh = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const kept = join(root, '.build/images')

const runPackages = ['nodejs', 'libbpf1', 'libelf1t64', 'zlib1g']
const buildPackages = [
  ...['ca-certificates', 'make', 'nodejs', 'npm', 'clang-19', 'llvm-19', 'libbpf-dev', 'bpftool'],
  ...['libelf-dev', 'zlib1g-dev', 'gcc', 'libc6-dev'],
]

export interface Archives {
  /** Snug's own image, `localhost/snug:test`, made by its Dockerfile. */
  readonly snug: string
  /** `localhost/web:1` and `:2`. */
  readonly web: string
  /** `localhost/tool:1`, for what is not the application. */
  readonly tool: string
}

/** Archives as `docker save` writes them; Snug's is made anew where what it is made of has changed. */
export async function archives(): Promise<Archives> {
  mkdirSync(kept, { recursive: true })
  const inputs = hashOf(['src', 'agent', 'deploy/Dockerfile', 'package-lock.json', 'profiles'])
  const here = hashOf(['test/kube/cluster/images.ts'])
  const paths = {
    snug: join(kept, `kube-snug-${inputs}.tar`),
    web: join(kept, `kube-web-${here}.tar`),
    tool: join(kept, `kube-tool-${here}.tar`),
  }
  if (Object.values(paths).every((path) => existsSync(path))) return paths
  const engine = await startDockerd()
  try {
    if (!existsSync(paths.snug)) await buildSnug(engine, paths.snug)
    for (const version of [1, 2]) await buildWeb(engine, version)
    await busyboxImage(engine.docker, { name: 'localhost/tool:1', labels: { tool: '1' } })
    await save(engine, ['localhost/web:1', 'localhost/web:2'], paths.web)
    await save(engine, ['localhost/tool:1'], paths.tool)
  } finally {
    await engine.stop()
  }
  return paths
}

/** What a user would run, with bases of the machine's own instead of Docker Hub's. */
async function buildSnug(engine: Dockerd, path: string): Promise<void> {
  await debianBase(engine.docker, 'snug-base:run', runPackages)
  await debianBase(engine.docker, 'snug-base:build', buildPackages)
  const bases = ['--build-arg', 'BASE=snug-base:run', '--build-arg', 'BUILD_BASE=snug-base:build']
  const args = ['build', '--network', 'host', ...bases, '-t', 'localhost/snug:test']
  await docker(engine, [...args, '-f', join(root, 'deploy/Dockerfile'), root])
  for (const old of readdirSync(kept)) if (old.startsWith('kube-snug-')) rmSync(join(kept, old))
  await save(engine, ['localhost/snug:test'], path)
}

/**
 * A web server whose pages are programs: `/cgi-bin/page` is what its users ask for, and `/cgi-bin/act?WORDS` is the hole
 * by which an intruder runs what he likes, as the service itself.
 */
async function buildWeb(engine: Dockerd, version: number): Promise<void> {
  const page = `#!/bin/sh\necho 'Content-Type: text/plain'\necho\ncat /etc/motd\n`
  const news = version === 1 ? page : `${page}uname -r\n`
  await busyboxImage(engine.docker, {
    name: `localhost/web:${version}`,
    labels: { version: String(version) },
    files: {
      '/www/cgi-bin/page': news,
      '/www/cgi-bin/act': `#!/bin/sh\necho 'Content-Type: text/plain'\necho\neval "$(httpd -d "$QUERY_STRING")" 2>&1\n`,
      '/www/alive': '',
    },
    dockerfile: ['CMD ["/bin/httpd", "-f", "-p", "8080", "-h", "/www"]'],
  })
}

async function save(engine: Dockerd, images: readonly string[], path: string): Promise<void> {
  await docker(engine, ['save', '-o', `${path}.draft`, ...images])
  renameSync(`${path}.draft`, path)
}

async function docker(engine: Dockerd, args: readonly string[]): Promise<void> {
  const env = { ...process.env, DOCKER_BUILDKIT: '0', DOCKER_HOST: `unix://${engine.socket}` }
  await sh('docker', [...args], { env, maxBuffer: 64 << 20 })
}

/** Of what git has of these, as it is in the working copy. */
function hashOf(paths: readonly string[]): string {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...paths], {
    cwd: root,
    encoding: 'utf8',
  })
  const hash = createHash('sha256')
  for (const file of list
    .split('\n')
    .filter((line) => line !== '')
    .sort()) {
    if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex').slice(0, 16)
}
