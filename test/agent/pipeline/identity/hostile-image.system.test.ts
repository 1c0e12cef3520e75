import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** An image whose files are as large as it likes: the agent that reads them has 48 MiB of heap. */
const root = new URL('../../../../', import.meta.url)
const heapMiB = 48
let layer: string

beforeEach(() => {
  layer = mkdtempSync('/tmp/snug-hostile-image-')
})
afterEach(() => {
  rmSync(layer, { recursive: true })
})

function ships(path: string, text: string): void {
  const file = join(layer, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** What the expression gives in a process with little memory; `layers` is the image. */
function read(module: string, expression: string): unknown {
  const code = `
    import * as all from ${JSON.stringify(new URL(module, root).href)}
    const layers = ${JSON.stringify([layer])}
    const found = await (async () => ${expression})()
    process.stdout.write(JSON.stringify(found ?? null))`
  const script = join(layer, 'read.mts')
  writeFileSync(script, code)
  const tsx = pathToFileURL(join(root.pathname, 'node_modules/tsx/dist/esm/index.mjs')).href
  const args = [`--max-old-space-size=${heapMiB}`, '--import', tsx, script]
  const output = execFileSync(process.execPath, args, { cwd: root.pathname, stdio: 'pipe' })
  return JSON.parse(output.toString())
}

const user = (name: string) =>
  read(
    'src/agent/pipeline/identity/declared-user.ts',
    `all.declaredUid(${JSON.stringify(name)}, layers)`,
  )

describe('an image with files that are too large', () => {
  it('does not exhaust the agent by its list of users', () => {
    ships('etc/passwd', `${'\n'.repeat(31 << 20)}app:x:1000:1000::/:/bin/sh\n`)
    expect(user('app')).toBeNull()
    ships('etc/passwd', `${':'.repeat(500_000)}\n${'\n'.repeat(400_000)}app:x:1000:1000::/:\n`)
    expect(user('app')).toBe(1_000)
  })

  it('does not by its cron tables', () => {
    ships('usr/sbin/cron', '')
    for (let at = 0; at < 40; at++) ships(`etc/cron.d/${at}`, '* * * * * root x\n'.repeat(50_000))
    ships('etc/crontab', `* * * * * root ${'a '.repeat(400_000)}`)
    const identity = `{ imageId: 'x', rootfs: { layers, upper: '' } }`
    const found = read(
      'src/agent/pipeline/identity/schedules.ts',
      `new all.ImageSchedules().of(${identity})`,
    )
    expect(found).toHaveLength(50)
  })

  it('does not by its package database', () => {
    const packages = Array.from({ length: 30_000 }, (_, at) => `p${at}`)
    const stanza = (name: string) => `Package: ${name}\nVersion: 1\nStatus: install ok installed\n`
    ships('var/lib/dpkg/status', packages.map(stanza).join('\n'))
    for (const name of packages.slice(0, 8)) {
      ships(`var/lib/dpkg/info/${name}.list`, '\n'.repeat(12 << 20))
    }
    ships('var/lib/dpkg/info/p9.list', '/usr/bin/nine\n')
    const identity = `{ imageId: 'x', rootfs: { layers, upper: '' } }`
    const owner = read(
      'src/supplychain/image/packages.ts',
      `new all.ImagePackages().named(${identity}, 'p9')`,
    )
    expect(owner).toEqual({ name: 'p9', version: '1' })
  })
})
