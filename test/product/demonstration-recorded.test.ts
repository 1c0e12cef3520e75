import { describe, expect, test } from 'vitest'
import { play } from '../fixtures/demonstration.ts'

/** Opens the link as a browser does, and reads the alerts with the session that it gives. */
async function alertsOfPage(link: string): Promise<readonly unknown[]> {
  const opened = await fetch(link, { redirect: 'manual' })
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? ''
  const answer = await fetch(new URL('/v1/alerts', link), { headers: { cookie } })
  return (await answer.json()) as readonly unknown[]
}

describe('make run without a container engine and without root', () => {
  test('reports that, and plays the same story from a recording', async () => {
    const { code, text, leftovers } = await play({ asNobody: true })
    expect(text).toContain('does not run as root')
    expect(text).toContain('from a recording')
    expect(text).toMatch(/5 of 5 attacks detected/)
    expect(code).toBe(0)
    expect(leftovers).toEqual([])
  })

  test('with --keep prints a link to its page, and serves its alerts there until it is interrupted', async () => {
    let alerts: readonly unknown[] = []
    const { code, text, leftovers } = await play({
      asNobody: true,
      args: ['--keep'],
      end: /Ctrl-C stops it/,
      onEnd: async (printed) => {
        alerts = await alertsOfPage(/page +(http:\S+)/.exec(printed)?.[1] ?? 'no link')
      },
    })
    expect(alerts.length, text).toBeGreaterThanOrEqual(5)
    expect(code).toBe(0)
    expect(leftovers).toEqual([])
  })
})
