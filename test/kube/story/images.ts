import {
  copyFileSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  cpSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type Docker from 'dockerode'
import { startDockerd } from '../../fixtures/dockerd.ts'
import { build, debianImage } from '../../fixtures/images.ts'
import { compile } from '../../fixtures/compiled-program.ts'
import type { Cluster } from '../cluster/cluster.ts'

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
const base = 'snug-test-node:1'

/** With a host part: containerd takes no other. */
export const repositories = {
  snug: 'localhost/snug',
  web: 'localhost/story-web',
  db: 'localhost/story-db',
  tick: 'localhost/story-tick',
} as const
export const images = {
  snug: `${repositories.snug}:test`,
  web1: `${repositories.web}:1`,
  web2: `${repositories.web}:2`,
  db: `${repositories.db}:1`,
  tick: `${repositories.tick}:1`,
} as const

/** Builds the images of the story while the cluster starts, and loads them into its node. */
export async function loadImages(starting: Promise<Cluster>): Promise<void> {
  const engine = await startDockerd()
  try {
    const { docker, root } = engine
    await snugImage(docker, images.snug)
    await reportedImage(docker, images.web1, { greeting: 'hello\n' })
    await reportedImage(docker, images.web2, { greeting: 'hello\n', price: '3\n' })
    for (const name of [images.db, images.tick]) await reportedImage(docker, name, { name })
    const cluster = await starting
    for (const name of Object.values(images)) {
      const archive = join(root, 'image.tar')
      await pipeline(await docker.getImage(name).get(), createWriteStream(archive))
      await cluster.load(archive, name.slice(0, name.lastIndexOf(':')))
    }
  } finally {
    await engine.stop()
  }
}

/**
 * Snug's own image by the last stage of deploy/Dockerfile. The output of its first stage comes from this checkout,
 * which `make build` made with the same commands: the stage would need a compiler and a package registry.
 */
export async function snugImage(docker: Docker, name: string): Promise<void> {
  await debianImage(docker, {
    name: base,
    packages: ['nodejs'],
  })
  const context = mkdtempSync('/var/tmp/snug-built-')
  try {
    const made = ['package.json', 'package-lock.json', '.npmrc', 'node_modules', 'profiles', 'dist']
    const scripts = ['deploy/need-packages.sh', 'deploy/sbom.mjs']
    for (const each of [...made, 'agent/snug-sensor', ...scripts]) {
      cpSync(join(checkout, each), join(context, each), { recursive: true, verbatimSymlinks: true })
    }
    const prune = ['prune', '--omit=dev', '--omit=optional', '--loglevel=error']
    execFileSync('npm', prune, { cwd: context, stdio: ['ignore', 'ignore', 'inherit'] })
    execFileSync(process.execPath, [join(checkout, 'deploy/only-packages.mjs'), context])
    writeFileSync(join(context, 'Dockerfile'), lastStage())
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

function lastStage(): string {
  const lines = readFileSync(join(checkout, 'deploy/Dockerfile'), 'utf8').split('\n')
  const begins = lines.lastIndexOf(`FROM ${'$'}{BASE}`)
  if (begins === -1) throw new Error('deploy/Dockerfile has no last stage of `${BASE}`')
  const rest = lines.slice(begins + 1).join('\n')
  return `FROM ${base}\n${rest.replaceAll('--from=build /opt/snug/', '')}`
}

/** See service.c. Each image serves other files; the marks are files that the service itself never reads. */
async function reportedImage(
  docker: Docker,
  name: string,
  served: Readonly<Record<string, string>>,
): Promise<void> {
  const context = mkdtempSync('/tmp/snug-story-')
  try {
    for (const folder of ['bin', 'srv', 'etc', 'tmp'])
      mkdirSync(join(context, 'root', folder), { recursive: true })
    const file = (path: string, text: string): void =>
      writeFileSync(join(context, 'root', path), text)
    for (const [each, text] of Object.entries(served)) file(`srv/${each}`, text)
    for (const each of marks) file(`etc/${each}`, `${each}\n`)
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
    copyFileSync(compile('kube/story/service.c'), join(context, 'root/bin/service'))
    copyFileSync('/bin/busybox', join(context, 'root/bin/busybox'))
    // A separate program, not a link to busybox: running it is a behaviour by itself.
    copyFileSync('/bin/busybox', join(context, 'root/bin/true'))
    const lines = [
      'FROM scratch',
      'COPY root/ /',
      'RUN ["/bin/busybox", "ln", "/bin/busybox", "/bin/sh"]',
      `LABEL name=${JSON.stringify(name)}`,
      'CMD ["/bin/service", "8080"]',
      '',
    ]
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

/** Files beneath /etc that one kind of process each reads. */
export const marks = [
  'of-probe',
  'of-init',
  'of-exec',
  'of-ephemeral',
  'of-job',
  'of-late',
] as const
