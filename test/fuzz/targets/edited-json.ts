import { readdirSync, readFileSync } from 'node:fs'
import { jsonOf } from './expect-coded.ts'

type Holder = Record<string, unknown>

/** Values that readers trip over; `oddAt` gives them. */
const odd: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a',
  '/',
  '/..',
  '../x',
  '\0',
  '\ud800',
  '__proto__',
  'constructor',
  '*',
  'a'.repeat(5_000),
  '2026-13-45T99:99:99Z',
  '2999-01-01T00:00:00Z',
  `sha256:${'0'.repeat(64)}`,
  '127.0.0.1',
  '::ffff:1.2.3.4',
  '10.0.0.0/33',
  [],
  {},
  [[]],
]

/** The JSON values among the seeds of a target, and how many bytes precede each. */
export function seedsOf(target: string, before = 0): readonly unknown[] {
  const folder = new URL(`../corpus/${target}/`, import.meta.url)
  return readdirSync(folder)
    .map((name) => jsonOf(readFileSync(new URL(name, folder), 'utf8').slice(before)))
    .filter((value) => typeof value === 'object' && value !== null)
}

/**
 * Bytes as JSON where they are some, and else as edits of a seed: bytes that break JSON reach nothing behind its parser.
 * The first byte chooses the seed. Each edit walks to a member and replaces, removes, copies, wraps or extends it.
 */
export function editedJson(data: Buffer, seeds: readonly unknown[]): unknown {
  if (data[0] === 0x7b || data[0] === 0x5b) return jsonOf(data.toString('utf8'))
  const root: Holder = { value: structuredClone(seeds[(data[0] ?? 0) % seeds.length]) }
  let at = 1
  const take = (): number => data[at++] ?? 0
  for (let edits = 0; at < data.length && edits < 16; edits += 1) edit(root, take)
  return root['value']
}

function edit(root: Holder, take: () => number): void {
  const { holder, key } = member(root, take)
  const value = holder[key]
  switch (take() % 7) {
    case 0:
      holder[key] = oddAt(take())
      break
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else Reflect.deleteProperty(holder, key)
      break
    case 2: {
      const from = member(root, take)
      holder[key] = structuredClone(from.holder[from.key])
      break
    }
    case 3:
      holder[key] = [value, value]
      break
    case 4:
      holder[key] = Array.isArray(value) ? [...value, ...value].slice(0, 64) : { value }
      break
    case 5:
      if (typeof value === 'string') holder[key] = changed(value, take)
      else if (typeof value === 'number') holder[key] = value + take() - 128
      break
    default:
      if (!Array.isArray(holder)) holder[String(oddAt(take()))] = value
  }
}

/** A copy: an edit inside of the value itself would be in every input to come, where nested ones double each time. */
function oddAt(number: number): unknown {
  return structuredClone(odd[number % odd.length])
}

function changed(text: string, take: () => number): string {
  const place = take() % (text.length + 1)
  const cut = take() % 8
  const put = String.fromCharCode(...Array.from({ length: take() % 4 }, take))
  return text.slice(0, place) + put + text.slice(place + cut)
}

/** A member somewhere in the value: one byte for each step down. */
function member(root: Holder, take: () => number): { holder: Holder; key: string } {
  let [holder, key] = [root, 'value']
  for (let depth = 0; depth < 12; depth += 1) {
    const inner = holder[key]
    if (typeof inner !== 'object' || inner === null) break
    const keys = Object.keys(inner)
    const step = take()
    if (keys.length === 0 || step === 255) break
    holder = inner as Holder
    key = keys[step % keys.length] ?? key
  }
  return { holder, key }
}
