import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { storyText } from '../../src/cli/output/alert-story.ts'
import { cli, startCli } from '../fixtures/cli-fixtures.ts'
import {
  sampleAlert,
  sampleEvent,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

const snug = (...args: string[]) => cli([...args, '--socket', fixture.socket])

const shop = 'registry.local/shop/web'

describe('snug profile review', () => {
  it('shows each card with its evidence and the commands for a decision', async () => {
    const { stdout } = await snug('profile', 'review', '--image', shop)
    const title = 'writes 2 files in /var/lib/app/tickets/'
    expect(stdout).toContain(`1  /usr/sbin/nginx (uid 101)  ${title}\n`)
    for (const line of [
      'registry.local/shop/web: 1.4',
      'b-9 write /var/lib/app/tickets/a\n',
      'b-10 write /var/lib/app/tickets/b\n',
      'entrypoint',
      '3 times in 1 containers',
      '`/usr/sbin/nginx` never wrote `/var/lib/app/tickets/a`',
      'expected in team-b, team-c\n',
      'snug profile approve registry.local/shop/web --card c-1\n',
      'snug profile reject registry.local/shop/web --card c-1\n',
    ]) {
      expect(stdout).toContain(line)
    }
  })

  it('shows one card with all of its behaviours', async () => {
    const { stdout } = await snug('profile', 'review', '--card', 'c-1', '-o', 'json')
    expect(JSON.parse(stdout)).toMatchObject({ id: 'c-1', samples: [{ id: 'b-9' }] })
    expect(await snug('profile', 'review', '--card', 'c-2')).toMatchObject({ exit: 1 })
  })
})

describe('an approval for all scopes', () => {
  it('names one scope of the image, and the behaviours', async () => {
    const named = ['profile', 'approve', `${shop}#team-a:1.4`]
    await snug(...named, '--behaviour', 'b-9', '--all-scopes')
    expect(fixture.engine.calls.at(-1)).toMatchObject({
      name: 'approve',
      args: [`${shop}#team-a:1.4`, ['b-9'], {}, { allScopes: true }],
    })
    for (const which of [[], ['--card', 'c-1']])
      expect(await snug(...named, '--all-scopes', '--yes', ...which)).toMatchObject({ exit: 64 })
  })
})

describe('a decision on a card', () => {
  const places = [{ ref: expect.stringContaining(shop), behaviours: ['b-9', 'b-10'] }]

  it.each(['approve', 'reject'])('%s covers exactly its behaviours', async (decision) => {
    const { stdout } = await snug('profile', decision, shop, '--card', 'c-1', '--reason', 'known')
    expect(fixture.engine.calls.at(-1)).toMatchObject({
      name: 'decideCard',
      args: [{ decision, places }, { reason: 'known' }],
    })
    expect(stdout).toContain('/usr/sbin/nginx writes 2 files in /var/lib/app/tickets/')
    expect(stdout).toContain('2 behaviours')
  })

  it('is refused for a card that has changed', async () => {
    const { exit, stderr } = await snug('profile', 'approve', shop, '--card', 'c-0', '--yes')
    expect(exit).toBe(1)
    expect(stderr).toContain('CARD_UNKNOWN')
    expect(fixture.engine.calls).toEqual([])
  })

  it('names a card or behaviours, not both', async () => {
    const both = ['--card', 'c-1', '--behaviour', 'b-9']
    expect(await snug('profile', 'approve', shop, ...both)).toMatchObject({ exit: 64 })
    expect(await snug('profile', 'reject', shop)).toMatchObject({ exit: 64 })
  })
})

describe('the story of an alert', () => {
  const alert = sampleAlert('01-a')
  const step = { time: alert.time, kind: 'exec', actor: '/bin/sh', count: 1 } as const
  const story = {
    alert,
    revision: 'r1',
    ancestry: [
      { exe: '/usr/sbin/nginx', known: true },
      { exe: '/tmp/\u001b[31mx', known: false },
    ],
    scope: 'session' as const,
    steps: [
      { ...step, text: `run /usr/bin/${'long'.repeat(40)}`, count: 2 },
      {
        ...step,
        text: 'run /bin/id',
        alert: '01-a',
        severity: 'high' as const,
        action: 'killed' as const,
      },
    ],
    left: { before: 3, after: 0 },
    incident: { id: '01-0', title: `web-1: sh runs /tmp/\u001b[31mx, ${'long'.repeat(40)}` },
    hashes: [],
    persons: [],
    alike: 2,
    inProfile: true,
  }

  it('marks the alert among the events before and after, within the width of the terminal', () => {
    const text = storyText(story, { colour: false, width: 80 })
    expect(text).toContain('what the session did before and after\n  … 3 more before\n')
    expect(text).toContain('> 13:40:27 /bin/sh: run /bin/id [high, killed]\n')
    expect(text).toContain('2 more open alerts have the same event in other places')
    for (const line of text.split('\n')) expect(Array.from(line).length).toBeLessThanOrEqual(80)
  })

  it('quotes strings chosen by a container, and uses colour only where enabled', () => {
    const text = storyText(story, { colour: false, width: 80 })
    expect(text).toContain('part of the incident 01-0\n  web-1: sh runs /tmp/\\u{1b}')
    expect(text).toContain('└ /tmp/\\u{1b}[31mx  (not in the profile)')
    expect(text).not.toContain('\u001b')
    expect(storyText(story, { colour: true, width: 80 })).toContain('\u001b[1m> 13:40:27')
  })
})

describe('listings', () => {
  it.each([
    ['image', 'list'],
    ['profile', 'show', 'registry.local/shop/web:1.4'],
    ['alert', 'list'],
    ['audit', 'list'],
  ])('%s %s fit into 80 columns', async (...args) => {
    const long = 'x'.repeat(300)
    fixture.engine.kept = [sampleAlert('01JDEGZXKM0000000000000000', { reasons: [long] })]
    const { stdout } = await snug(...args)
    const table = stdout.split('\n').filter((line) => !/^(coverage|losses)/.test(line))
    for (const line of table) expect(Array.from(line).length, line).toBeLessThanOrEqual(80)
  })
})

describe('snug completion', () => {
  const complete = async (...words: string[]): Promise<string[]> => {
    const { stdout } = await cli(['completion', 'bash'])
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const script = `${stdout}\nCOMP_WORDS=(snug ${quoted}); COMP_CWORD=${words.length}; _snug; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout: out, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
    expect(stderr).toBe('')
    return out.trimEnd().split('\n')
  }

  it('completes commands, choices and options in their positions', async () => {
    expect(await complete('al')).toEqual(['alert'])
    expect(await complete('profile', 're')).toEqual(['review', 'reject'])
    expect(await complete('profile', 'mode', 'web:1', 'bl')).toEqual(['block'])
    expect(await complete('-o', 'json', 'alert', 'list', '--st')).toEqual(['--state'])
  })

  it.each(['bash', 'zsh', 'fish'])('has a script for %s, with every command', async (shell) => {
    const { exit, stdout } = await cli(['completion', shell])
    expect(exit).toBe(0)
    for (const word of ['break-glass', 'end-learning', 'forget', '--canary-for']) {
      expect(stdout).toContain(shell === 'fish' ? word.replace(/^--/, '') : word)
    }
  })

  it('of another shell is refused', async () => {
    expect((await cli(['completion', 'tcsh'])).exit).toBe(64)
  })
})

describe('snug event list', () => {
  it('shows the latest events first', async () => {
    for (const path of ['/bin/a', '/bin/b']) {
      const event = { ...sampleEvent, exec: { path, drift: false } } as typeof sampleEvent
      fixture.engine.liveEventLog.publish('events', event)
    }
    const { stdout } = await snug('event', 'list', '--session', 's1')
    expect(stdout.split('\n').map((line) => line.split(': ')[1])).toEqual([
      'run /bin/b',
      'run /bin/a',
      undefined,
    ])
    expect(fixture.engine.calls).toMatchObject([{ args: [{ session: 's1', limit: 101 }] }])
  })
})

describe('long work', () => {
  const file = (): string => {
    const path = join(fixture.dir, 'events.ndjson')
    writeFileSync(path, '{"v":1}\n'.repeat(100_000))
    return path
  }

  it('shows its progress on a terminal and removes it afterwards', async () => {
    const replay = fixture.engine.replay.bind(fixture.engine)
    let goOn = (): void => undefined
    const asked = new Promise<void>((resolve) => (goOn = resolve))
    fixture.engine.replay = async (chunks) => {
      await asked
      return replay(chunks)
    }
    const args = ['event', 'replay', file(), '--socket', fixture.socket]
    const run = startCli(args, { progress: true })
    await expect.poll(() => run.stderr()).toMatch(/snug: \d+\.\d MiB sent …/)
    goOn()
    expect(await run.exit).toBe(0)
    expect(run.stderr().endsWith('\r\u001b[K')).toBe(true)
    expect(run.stdout()).toContain('events      100000')
  })

  it('shows no progress where the output is no terminal', async () => {
    expect((await snug('event', 'replay', file())).stderr).toBe('')
  })
})
