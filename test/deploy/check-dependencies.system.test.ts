import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../deploy/check-dependencies.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'snug-dependencies-'))

afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  readonly exit: number
  readonly printed: string
}

/** A checkout with that dependency, and npm's real client with a registry of the test. */
async function checked(
  dependency: object,
  advisories: object | undefined,
  ...flags: readonly string[]
): Promise<Outcome> {
  mkdirSync(join(folder, 'deploy'), { recursive: true })
  cpSync(script, join(folder, 'deploy/check-dependencies.mjs'))
  const own = { name: 'snug', version: '1.0.0', dependencies: { pad: '1.0.0' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(own))
  const packages = { '': own, 'node_modules/pad': { version: '1.0.0', ...dependency } }
  const lock = { name: 'snug', version: '1.0.0', lockfileVersion: 3, requires: true, packages }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))

  const registry = createServer((request, response) => {
    const isAudit = request.url?.includes('/advisories/') === true
    const known = { name: 'pad', versions: { '1.0.0': { name: 'pad', version: '1.0.0' } } }
    request.resume().on('end', () => {
      response.writeHead(isAudit && advisories === undefined ? 405 : 200)
      response.end(JSON.stringify(isAudit ? (advisories ?? {}) : known))
    })
  })
  await new Promise<void>((listening) => registry.listen(0, '127.0.0.1', listening))
  const { port } = registry.address() as AddressInfo
  const env = {
    ...process.env,
    // What the client keeps of one registry is not for the next.
    npm_config_cache: mkdtempSync(join(folder, 'cache-')),
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
  }
  try {
    return await new Promise((resolve) => {
      const args = [join(folder, 'deploy/check-dependencies.mjs'), ...flags]
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        resolve({ exit: Number(error?.code ?? 0), printed: stdout + stderr }),
      )
    })
  } finally {
    registry.close()
  }
}

const advisory = (severity: string) => ({
  pad: [
    {
      id: 1,
      url: 'https://example.org/1',
      title: 'pads too far',
      severity,
      vulnerable_versions: '<2.0.0',
      cwe: [],
      cvss: { score: 8, vectorString: null },
    },
  ],
})

test.each(['MIT', '(GPL-3.0-only OR MIT)'])('passes a licence of %s', async (license) => {
  expect(await checked({ license }, {}, '--audit')).toEqual({ exit: 0, printed: '' })
})

test.each(['MIT AND AGPL-3.0-only', 'UNLICENSED'])(
  'refuses a licence of %s, except in what only development needs',
  async (license) => {
    const refused = await checked({ license }, {})
    expect(refused).toMatchObject({ exit: 1, printed: expect.stringContaining('pad') as unknown })
    expect((await checked({ license, dev: true }, {})).exit).toBe(0)
  },
)

test('refuses what the registry calls a serious vulnerability', async () => {
  const found = await checked({ license: 'MIT' }, advisory('high'))
  expect(found).toEqual({ exit: 1, printed: 'pad: a vulnerability, high\n' })
  expect((await checked({ license: 'MIT' }, advisory('low'))).exit).toBe(0)
})

test('names a registry that knows of none, and refuses it where it has to be asked', async () => {
  const passed = await checked({ license: 'MIT' }, undefined)
  expect(passed).toMatchObject({
    exit: 0,
    printed: expect.stringContaining('not audited: 405') as unknown,
  })
  expect((await checked({ license: 'MIT' }, undefined, '--audit')).exit).toBe(1)
})
