import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { unifiedHierarchy } from '../../src/demo/tiny-container.ts'

const main = fileURLToPath(new URL('../../dist/demo/main.js', import.meta.url))
const nobody = 65_534

interface Play {
  readonly code: number | null
  readonly text: string
}

/** What `make run` starts, where there is no container engine. */
async function play(options: { uid?: number; end?: RegExp } = {}): Promise<Play> {
  const { uid, end } = options
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SNUG_DEMO: 'story', HOME: '/tmp' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let text = ''
  const take = (chunk: Buffer): void => {
    text += chunk.toString()
    if (end?.test(text)) child.kill('SIGINT')
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
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

/** Another user must be able to read the checkout. */
function readable(): boolean {
  try {
    accessSync(main, constants.R_OK)
    return true
  } catch {
    return false
  }
}

describe('make run without a container engine', () => {
  test('learns a shop, tells its update, alerts on each act of an attack, and leaves nothing', async () => {
    const { code, text } = await play()
    expect(text).toContain('demo/shop:1.0')
    expect(text).toMatch(/source +ebpf, running/)
    expect(text).toMatch(/API +(http:|\/)/)
    expect(text).toContain('payment.conf')
    expect(text).toContain('cgi-bin/uptime')
    for (const told of ['/bin/sh', '/etc/shadow', '/tmp/kdevtmpfsi', '/etc/crontab', 'T1053'])
      expect(text).toContain(told)
    expect(text).toMatch(/5 of 5 acts of the intruder were told/)
    expect(code).toBe(0)
    expect(leftovers()).toEqual([])
  })

  test('cleans up when it is interrupted in the middle', async () => {
    const { code, text } = await play({ end: /is learned/ })
    expect(text).toContain('cleaning up')
    expect(code).toBe(130)
    expect(leftovers()).toEqual([])
  })

  test('without root says so, and plays the same story from a recording', async () => {
    expect(readable()).toBe(true)
    const { code, text } = await play({ uid: nobody })
    expect(text).toContain('not root')
    expect(text).toContain('from a recording')
    expect(text).toMatch(/5 of 5 acts of the intruder were told/)
    expect(code).toBe(0)
    expect(leftovers()).toEqual([])
  })
})
