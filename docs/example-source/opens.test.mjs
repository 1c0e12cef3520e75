import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { moduleSource, sourceSuite } from 'snug/source-suite'

const code = fileURLToPath(new URL('opens.mjs', import.meta.url))
const paths = Array.from({ length: 30 }, (_, n) => `/etc/shop/${n}.conf`)

/** @param {string} path */
const line = (path) =>
  `2026-11-24T13:40:27Z ${'c'.repeat(64)} 812 101 /usr/sbin/nginx open ${path}\n`

/** A source of a log that gets this text once it is read. */
async function under(text, expected = paths) {
  const folder = mkdtempSync('/tmp/opens-source-')
  const log = join(folder, 'opens.log')
  writeFileSync(log, '')
  return {
    source: moduleSource(`${code}?${log}`),
    expected,
    name: (event) => (event.kind === 'file' ? event.file.path : undefined),
    act: async () => appendFileSync(log, text),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

sourceSuite(
  {
    name: 'opens.mjs',
    make: () => under(paths.map(line).join('')),
    makeIdle: () => under(''),
    makeLossy: async () => ({
      ...(await under(`${line('/a')}half a line\n${line('no path')}${line('/z')}`, ['/z'])),
      losses: 2,
    }),
    makeBroken: async () => ({
      ...(await under('')),
      source: moduleSource('/nowhere/opens.mjs'),
      code: 'SOURCE_UNREADABLE',
    }),
  },
  { describe, it, afterEach },
)
