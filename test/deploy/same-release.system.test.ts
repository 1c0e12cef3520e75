import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { trivyReport } from '../fixtures/own-report.ts'
import { hangMs } from '../fixtures/patience.ts'

/**
 * A release of this checkout, made by root, and by a user without rights in another folder, who compares it with
 * `make verify-release`. Both get the packages of npm from here, and Debian's for the image from its server.
 */
const work = mkdtempSync('/var/tmp/snug-same-')
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const first = join(work, 'first')
const second = join(work, 'in/a/folder/of/another/length')
const released = join(first, 'dist/release')
const rebuilt = join(second, '.build/verified')
const nobody = 'setpriv --reuid nobody --regid nogroup --clear-groups'
/** Three releases, each with sensors for two machines. */
const buildsMs = 6 * hangMs
const fast = { SNUG_IMAGE_COMPRESSION: '1' }

interface Ended {
  readonly code: number | null
  readonly output: string
}

async function shell(script: string, env: object = {}): Promise<Ended> {
  const child: ChildProcess = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: work,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => (output += text.toString()))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

async function must(script: string, env: object = {}): Promise<string> {
  const { code, output } = await shell(script, env)
  if (code !== 0) throw new Error(`${script}: ${code}\n${output}`)
  return output
}

/** The digest of each file below a folder. */
function digests(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  return Object.fromEntries(
    files
      .sort()
      .map((path) => [
        path.slice(folder.length + 1),
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      ]),
  )
}

const author = 'Ada <ada@snug.example>'
const reports = join(work, 'reports')
const prepared = 'mkdir -p .build && touch .build/npm.stamp'
let compared: Ended
let withoutReports = ''

beforeAll(async () => {
  // What is not committed yet is a commit there, so that both have the same one.
  withoutReports = await must(
    `git clone -q '${checkout}' first
    cd '${checkout}' && git ls-files -z --modified --others --exclude-standard |
      tar -c --null --ignore-failed-read -T - | tar -x -C '${first}'
    cd '${first}' && git add -A
    git -c user.name=test -c user.email=test@test.invalid commit -qm 'not committed' || true
    cp -a '${checkout}node_modules' . && ${prepared} && make release`,
    fast,
  )
  // Scanners read the image that was made; then it is made again.
  mkdirSync(reports)
  const report = trivyReport(released, ['libuv1t64', 'libgmp10'])
  writeFileSync(join(reports, 'trivy.json'), JSON.stringify(report))
  await must(`cd first && make release`, {
    ...fast,
    SNUG_SCAN_REPORTS: reports,
    SNUG_VEX_AUTHOR: author,
  })
  await must(`umask 077
    mkdir -p home '${dirname(second)}' && git clone -q first '${second}' && cd '${second}'
    cp -r '${checkout}node_modules' . && ${prepared}
    chown -R nobody '${work}/in' '${work}/home' && chmod 755 '${work}'`)
  // Nothing of the surroundings of this test, such as npm's settings.
  const other = `env -i PATH="$PATH" HOME='${work}/home' TZ=Pacific/Auckland LANG=C.UTF-8`
  compared = await shell(
    `umask 077 && cd '${second}' &&
      ${other} SNUG_IMAGE_COMPRESSION=1 ${nobody} make verify-release RELEASE='${released}'`,
  )
}, buildsMs)

afterAll(() => {
  rmSync(work, { recursive: true })
})

describe('a release', () => {
  test('has the same bytes in each file for two users, in two folders', () => {
    const names = Object.keys(digests(released))
    expect(names.filter((name) => /\.(deb|rpm|tgz)$/.test(name))).toHaveLength(6)
    expect(names.filter((name) => name.startsWith('image/blobs/')).length).toBeGreaterThan(8)
    expect(digests(rebuilt)).toEqual(digests(released))
  })

  test('is compared with a build of its commit by `make verify-release`', async () => {
    expect(compared.output).toMatch(/^snug_.*_amd64\.deb: the same$/m)
    expect(compared.output).toMatch(/^snug-image\.digests: the same$/m)
    expect(compared.code).toBe(0)
  })

  test('has what Snug’s own profile shows about findings on its image, once it gets reports', () => {
    expect(withoutReports).toContain('snug: no snug.openvex.json: SNUG_SCAN_REPORTS names no')
    const vex: unknown = JSON.parse(readFileSync(join(released, 'snug.openvex.json'), 'utf8'))
    const statuses = ['under_investigation', 'not_affected'].map((status) => ({ status }))
    expect(vex).toMatchObject({ author, statements: statuses })
    expect(compared.output).toMatch(/^snug\.openvex\.json: the same$/m)
    expect(compared.output).toMatch(/^trivy\.scan\.json: the same$/m)
  })
})
