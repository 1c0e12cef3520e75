import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ImagePackage,
  readPackageDatabase,
} from '../../src/supplychain/image/package-databases.ts'
import { baseTar, packageLayer } from './layers.ts'
import type { Service } from './service.ts'

export interface ServicePackages {
  /** The package that brought a path of the service's image. */
  readonly ownerOf: (path: string) => ImagePackage | undefined
  /** Names of packages that are built from one source with the service's. */
  readonly own: ReadonlySet<string>
}

export async function packagesOf({ packages, uses = [] }: Service): Promise<ServicePackages> {
  const root = mkdtempSync('/var/tmp/snug-starter-')
  try {
    for (const tar of [await baseTar(), await packageLayer([...packages, ...uses])])
      execFileSync('tar', ['-C', root, '-xf', tar, './var/lib/dpkg'])
    const read = (path: string): string | undefined => {
      const file = join(root, path)
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined
    }
    const list = (path: string): readonly string[] => {
      const folder = join(root, path)
      return existsSync(folder) ? readdirSync(folder) : []
    }
    const { byPath } = readPackageDatabase({ read, list })
    const ownerOf = (path: string): ImagePackage | undefined =>
      byPath.get(path) ?? (path.startsWith('/usr/') ? byPath.get(path.slice(4)) : undefined)
    return { ownerOf, own: ofSource(read('/var/lib/dpkg/status') ?? '', packages) }
  } finally {
    rmSync(root, { recursive: true })
  }
}

function ofSource(status: string, packages: readonly string[]): ReadonlySet<string> {
  const sources = new Map<string, string>()
  for (const stanza of status.split('\n\n')) {
    const name = /^Package: (\S+)/m.exec(stanza)?.[1]
    if (name !== undefined) sources.set(name, /^Source: (\S+)/m.exec(stanza)?.[1] ?? name)
  }
  const wanted = new Set(packages.map((name) => sources.get(name)))
  return new Set([...sources].filter(([, source]) => wanted.has(source)).map(([name]) => name))
}
