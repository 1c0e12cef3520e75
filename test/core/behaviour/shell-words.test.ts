import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { act, learned, verdictOn } from '../../fixtures/event-fixture.ts'
import {
  codeText,
  foldWords,
  type ShellCode,
  shellCode,
} from '../../../src/core/behaviour/shell-words.ts'

function codeOf(text: string): ShellCode {
  const code = shellCode(text)
  if (code === undefined) throw new Error(`is not taken apart: ${text}`)
  return code
}

/** The last code, after the others were recorded as they are. */
function folded(...codes: readonly [string, ...string[]]): string | undefined {
  const [last = '', ...others] = codes.toReversed()
  const code = codeOf(last)
  const words = foldWords(code, others.map(codeOf))
  return words && codeText(code.around, words)
}

describe('words of a shell', () => {
  it('that had three values in one place may be any there', () => {
    expect(folded('stat /srv/a', 'stat /srv/b', 'stat /srv/c')).toBe('stat <word>')
    expect(folded('stat /srv/a', 'stat /srv/b')).toBeUndefined()
  })

  it.each(['nice -n', 'flock', 'find /srv -name x -exec', 'gosu user:1 --', 'timeout -k 1'])(
    'that were the same each time stay, such as a program behind `%s`',
    (wrapper) => {
      const runs = ['1', '2', '3', '4'].map((n) => `${wrapper} report ${n}` as const)
      expect(folded(`${wrapper} report 0`, ...runs)).toBe(`${wrapper} report <word>`)
      expect(folded(`${wrapper} report <word>`, `${wrapper} intruder 1`)).toBe(
        `${wrapper} intruder <word>`,
      )
    },
  )

  it('are not those of another command, or behind other options', () => {
    expect(folded('stat a', 'stat b', 'rm c')).toBeUndefined()
    expect(folded('stat a', 'stat b', 'stat -L c')).toBeUndefined()
    expect(folded('stat a', 'stat b', 'stat c; rm d')).toBeUndefined()
  })

  it('of a variable are its values, and a name of a variable is none', () => {
    expect(folded('A=1 stat', 'A=2 stat', 'A=3 stat')).toBe('A=<word> stat')
    expect(folded('stat $a', 'stat $b', 'stat $c')).toBeUndefined()
  })

  it('keep what varies by nature in an option that was the same', () => {
    expect(folded('stat -n<int> a', 'stat -n<int> b', 'stat -n<int> c')).toBe('stat -n<int> <word>')
  })

  it('are not looked at where the command varies by nature', () => {
    expect(shellCode('/tmp/<uuid>/tool a')).toBeUndefined()
  })
})

describe('a shell that was seen with many different arguments', () => {
  const ran = (code: string): ActEvent => {
    const event = act.exec('/bin/sh', { exe: '/usr/sbin/cron' })
    return { ...event, process: { ...event.process, args: ['sh', '-c', code] } }
  }
  const letters = 'abcdefghijklmnopqrstuvwxyz'.split('')
  const profile = learned(...letters.map((name) => ran(`nice -n 5 report --of ${name}x`)))
  const outcomeOf = (code: string): string => verdictOn(profile, ran(code)).outcome

  it('may be given another word where words varied', () => {
    expect(outcomeOf('nice -n 5 report --of another')).toBe('expected')
  })

  it.each(['nice -n 5 intruder --of another', 'nice -n 6 report --of another', 'nice -n 5 report'])(
    'may not be given `%s`',
    (code) => {
      expect(outcomeOf(code)).toBe('deviation')
    },
  )
})
