import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { unifiedHierarchy } from '../../src/interfaces/demo/tiny-container.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '')
const nobody = 65_534

interface Play {
  readonly code: number | null
  readonly text: string
}

interface PlayOptions {
  readonly uid?: number
  readonly args?: readonly string[]
  /** Interrupts the program once it has printed this, and `onEnd` is done. */
  readonly end?: RegExp
  readonly onEnd?: (text: string) => Promise<void>
  readonly checkout?: string
}

/** The program that `make run` starts where there is no container engine. */
async function play(options: PlayOptions = {}): Promise<Play> {
  const { uid, end, onEnd, args = [], checkout = root } = options
  const program = join(checkout, 'dist/interfaces/demo/main.js')
  const child = spawn(process.execPath, [program, ...args], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SNUG_DEMO: 'story', HOME: '/tmp' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let text = ''
  let ended: Promise<unknown> | undefined
  const take = (chunk: Buffer): void => {
    text += chunk.toString()
    if (ended === undefined && end?.test(text))
      ended = Promise.resolve(onEnd?.(text)).finally(() => child.kill('SIGINT'))
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code] = (await once(child, 'close')) as [number | null]
  await ended
  return { code, text }
}

/** Opens the link as a browser does, and reads the alerts with the session that it gives. */
async function alertsOfPage(link: string): Promise<readonly unknown[]> {
  const opened = await fetch(link, { redirect: 'manual' })
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? ''
  const answer = await fetch(new URL('/v1/alerts', link), { headers: { cookie } })
  return (await answer.json()) as readonly unknown[]
}

function leftovers(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const folders = readdirSync('/tmp').filter((name) => name.startsWith('snug-demo-'))
  const cgroup = `${unifiedHierarchy()}/snug-demo`
  return [
    ...mounts.filter((line) => line.includes('snug-demo')),
    ...folders,
    ...(existsSync(cgroup) ? [cgroup] : []),
  ]
}

/** A folder that another user can read: the checkout, or a copy of the files that run. */
function readableCheckout(): { readonly path: string; readonly copied: boolean } {
  for (let folder = root; folder !== '/'; folder = dirname(folder))
    if ((statSync(folder).mode & 0o005) !== 0o005) {
      const path = mkdtempSync('/tmp/snug-checkout-')
      chmodSync(path, 0o755)
      for (const part of ['dist', 'docs', 'profiles', 'package.json', 'node_modules'])
        cpSync(join(root, part), join(path, part), { recursive: true, verbatimSymlinks: true })
      return { path, copied: true }
    }
  return { path: root, copied: false }
}

describe('make run without a container engine', () => {
  test('learns a shop, explains its update, alerts on each event of an attack, and leaves nothing', async () => {
    const { code, text } = await play()
    expect(text).toContain('demo/shop:1.0')
    expect(text).toMatch(/source +ebpf, running/)
    expect(text).toMatch(/API +(http:|\/)/)
    expect(text).toContain('payment.conf')
    expect(text).toContain('cgi-bin/uptime')
    for (const reported of ['/bin/sh', '/etc/shadow', '/tmp/kdevtmpfsi', '/etc/crontab', 'T1053'])
      expect(text).toContain(reported)
    expect(text).toMatch(/5 of 5 attacks detected/)
    expect(code).toBe(0)
    expect(leftovers()).toEqual([])
  })

  test('cleans up when it is interrupted in the middle', async () => {
    const { code, text } = await play({ end: /Snug learns it/ })
    expect(text).toContain('cleaning up')
    expect(code).toBe(130)
    expect(leftovers()).toEqual([])
  })

  test('with --keep prints a link to its page, and serves its alerts there until it is interrupted', async () => {
    const checkout = readableCheckout()
    let alerts: readonly unknown[] = []
    const { code, text } = await play({
      uid: nobody,
      args: ['--keep'],
      checkout: checkout.path,
      end: /Ctrl-C stops it/,
      onEnd: async (printed) => {
        alerts = await alertsOfPage(/page +(http:\S+)/.exec(printed)?.[1] ?? 'no link')
      },
    })
    if (checkout.copied) rmSync(checkout.path, { recursive: true })
    expect(alerts.length, text).toBeGreaterThanOrEqual(5)
    expect(code).toBe(0)
    expect(leftovers()).toEqual([])
  })

  test('without root reports that, and plays the same story from a recording', async () => {
    const checkout = readableCheckout()
    const { code, text } = await play({ uid: nobody, checkout: checkout.path })
    if (checkout.copied) rmSync(checkout.path, { recursive: true })
    expect(text).toContain('does not run as root')
    expect(text).toContain('from a recording')
    expect(text).toMatch(/5 of 5 attacks detected/)
    expect(code).toBe(0)
    expect(leftovers()).toEqual([])
  })
})
