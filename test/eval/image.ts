import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type Docker from 'dockerode'
import { build, importRoot } from '../fixtures/images.ts'
import { compile } from '../fixtures/compiled-program.ts'
import { baseTar, packageLayer, suite } from './layers.ts'
import type { Service } from './service.ts'

const base = `snug-eval-base:${suite}`

export interface ImagePair {
  readonly first: string
  /** One program, one file and one connection more. */
  readonly second: string
}

/** Builds both versions of a service once per repository: each repository is a separate lineage. */
export async function makeImages(
  docker: Docker,
  service: Service,
  repositories: readonly string[],
  collector: string,
): Promise<readonly ImagePair[]> {
  // One for all repositories, and few steps: each step of a build is a container.
  const installed = await makeInstalled(docker, service)
  const pairs: ImagePair[] = []
  for (const repository of repositories) {
    const [first, second] = [`${repository}:1`, `${repository}:2`]
    const label = `LABEL name="${repository}"`
    await buildFrom(docker, first, () => [`FROM ${installed}`, label])
    await buildFrom(docker, second, (context) => {
      const root = join(context, 'root')
      const announce = ['/usr/local/bin/announce /etc/announce.conf || true']
      const files = {
        'entry.sh': entry(service.start, announce),
        'etc/announce.conf': `${collector}\n`,
      }
      writeFiles(root, files)
      mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
      copyFileSync(compile('eval/announce.c'), join(root, 'usr/local/bin/announce'))
      return [`FROM ${installed}`, 'COPY root/ /', label]
    })
    pairs.push({ first, second })
  }
  return pairs
}

/** Builds the image of a service that has no lineage yet, and gives its name. */
export async function makeInstalled(docker: Docker, service: Service): Promise<string> {
  if ((await docker.listImages({ filters: { reference: [base] } })).length === 0)
    await importRoot(docker, base, await baseTar())
  const installed = `snug-eval-${service.name}:installed`
  await buildFrom(docker, installed, async (context) => {
    const packages = [...service.packages, ...(service.uses ?? [])]
    // The engine unpacks it.
    linkOrCopy(await packageLayer(packages), join(context, 'layer.tar'))
    writeFiles(join(context, 'root'), { ...service.files, '/entry.sh': entry(service.start, []) })
    const steps = service.build === undefined ? [] : [`RUN ${service.build.join(' && ')}`]
    const user = service.user === undefined ? [] : [`USER ${service.user}`]
    const end = ['ENTRYPOINT ["/entry.sh"]']
    return [`FROM ${base}`, 'ADD layer.tar /', 'COPY root/ /', ...steps, ...user, ...end]
  })
  return installed
}

function entry(start: string, before: readonly string[]): string {
  const lines = start.split('\n')
  return ['#!/bin/sh', 'set -e', ...lines.slice(0, -1), ...before, ...lines.slice(-1), ''].join(
    '\n',
  )
}

async function buildFrom(
  docker: Docker,
  name: string,
  fill: (context: string) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const context = mkdtempSync('/var/tmp/snug-eval-image-')
  try {
    mkdirSync(join(context, 'root'))
    const lines = await fill(context)
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    const mode = content.startsWith('#!') ? 0o755 : 0o644
    writeFileSync(join(root, path), content, { mode })
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}
