import { describe, expect, it } from 'vitest'
import { unitPatterns } from '../../../src/core/match/unit-globs.ts'

describe('globs of units', () => {
  it('become patterns of the sensor, one for each alternative of braces', () => {
    expect(unitPatterns(['{ssh,sshd}.service', 'postgresql@*'])).toEqual([
      'ssh.service',
      'sshd.service',
      'postgresql@*',
    ])
  })

  it.each(['!nginx.service', '[ab].service', '+(a).service', '.x.service', 'a/b.service', 'a,b'])(
    'are refused where the sensor cannot match them: `%s`',
    (glob) => {
      expect(unitPatterns([glob])).toMatch(/is no glob of a unit/)
    },
  )

  it('are refused where they are too long, or too many for the tables of the sensor', () => {
    expect(unitPatterns([`${'a'.repeat(63)}`])).toEqual(['a'.repeat(63)])
    expect(unitPatterns([`${'a'.repeat(64)}`])).toMatch(/is too long/)
    const long = Array.from({ length: 8 }, () => 'a'.repeat(40))
    expect(unitPatterns(long.slice(1))).toHaveLength(7)
    expect(unitPatterns([...long, 'a'.repeat(40)])).toMatch(/too many globs/)
  })
})
