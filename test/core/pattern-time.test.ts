import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const src = new URL('../../src/', import.meta.url).pathname

/** Texts of regular expressions: literals, and the raw strings that they are put together from. */
const literal =
  /(?<![\w)\].])\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[dgimsuvy]*|String\.raw`[^`]*`/g

function patternsIn(folder: string): readonly (readonly [string, string])[] {
  return readdirSync(src + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) =>
      [...readFileSync(`${src}${folder}/${name}`, 'utf8').matchAll(literal)].map(
        ([text]) => [`${folder}/${name}`, text] as const,
      ),
    )
}

/** Whether something that repeats without a bound is in something that does so. */
function repeatsWithin(pattern: string): boolean {
  const parts = pattern.match(/\\.|\[(?:\\.|[^\]\\])*\]|[()]|[*+]|\{\d+,\}|[^]/g) ?? []
  const groups: boolean[] = []
  let last = false
  for (const [i, part] of parts.entries()) {
    const isRepeat = /^(?:[*+]|\{\d+,\})$/.test(part) && !'(|'.includes(parts[i - 1] ?? '(')
    if (isRepeat && parts[i - 1] === ')' && last) return true
    if (part === '(') groups.push(false)
    else if (part === ')') {
      last = groups.pop() === true
      if (last && groups.length > 0) groups[groups.length - 1] = true
    } else if (isRepeat && groups.length > 0) groups[groups.length - 1] = true
  }
  return false
}

describe('regular expressions', () => {
  const all = ['core', 'agent', 'fleet', 'plugins', 'serve', 'supplychain'].flatMap(patternsIn)

  it('are found by this test', () => {
    expect(all.length).toBeGreaterThan(100)
    expect(repeatsWithin('/^(?:a+b)*$/')).toBe(true)
    expect(repeatsWithin('/(?:(?:\\d+)x){2,}/')).toBe(true)
    expect(repeatsWithin('/^(?:[a+]b)*c+(?:d{1,9})*$/')).toBe(false)
  })

  it('never look behind: how far is not bounded by their position', () => {
    expect(all.filter(([, text]) => /\(\?<[=!]/.test(text))).toEqual([])
  })

  it('of what containers can write have no repetition in a repetition', () => {
    const foreign = ['core/', 'agent/pipeline/', 'agent/records/', 'plugins/']
    const some = all.filter(([file]) => foreign.some((folder) => file.startsWith(folder)))
    expect(some.filter(([, text]) => repeatsWithin(text))).toEqual([])
  })
})
