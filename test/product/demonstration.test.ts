import { describe, expect, test } from 'vitest'
import { play } from '../fixtures/demonstration.ts'

describe('make run without a container engine', () => {
  test('learns a shop, explains its update, alerts on each event of an attack, and leaves nothing', async () => {
    const { code, text, leftovers } = await play()
    expect(text).toContain('demo/shop:1.0')
    expect(text).toMatch(/source +ebpf, running/)
    expect(text).toMatch(/API +(http:|\/)/)
    expect(text).toContain('payment.conf')
    expect(text).toContain('cgi-bin/uptime')
    for (const reported of ['/bin/sh', '/etc/shadow', '/tmp/kdevtmpfsi', '/etc/crontab', 'T1053'])
      expect(text).toContain(reported)
    expect(text).toMatch(/5 of 5 attacks detected/)
    expect(code).toBe(0)
    expect(leftovers).toEqual([])
  })

  test('cleans up when it is interrupted in the middle', async () => {
    const { code, text, leftovers } = await play({ end: /Snug learns it/ })
    expect(text).toContain('cleaning up')
    expect(code).toBe(130)
    expect(leftovers).toEqual([])
  })
})
