import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { LoadName } from './service.ts'

const words =
  `amber basil cedar delta ember fjord grove hazel indigo juniper kelp lilac maple nectar olive pine quartz
reed sable thyme umber violet willow yarrow zephyr brook canyon dune estuary forest glade harbour inlet lagoon meadow
oasis prairie ridge summit tundra valley wharf`.split(/\s+/)

const users: Readonly<Record<LoadName, readonly string[]>> = {
  A: ['anna', 'boris', 'chen', 'dora'],
  B: ['elif', 'farid', 'greta', 'hugo', 'ines', 'jamal'],
}

export function pick<T>(list: readonly T[]): T {
  return list[randomInt(list.length)] as T
}

export function word(): string {
  return pick(words)
}

export function user(load: LoadName): string {
  return pick(users[load])
}

/** The users of both loads: a service with accounts has these. */
export const allUsers: readonly string[] = loadsOf(users)

function loadsOf(by: typeof users): readonly string[] {
  return [...by.A, ...by.B]
}

/** A name as people and programs give it, without an extension; other notations in other loads. */
export function stem(load: LoadName): string {
  const day = `2026-${two(randomInt(1, 13))}-${two(randomInt(1, 29))}`
  const notations: Readonly<Record<LoadName, readonly (() => string)[]>> = {
    A: [word, () => `${word()}${randomInt(1, 100)}`, () => `${word()}-${word()}`],
    B: [
      () => `${word()}_${word()}_${randomInt(1, 10_000)}`,
      () => `${day}-${word()}`,
      () => randomUUID(),
      () => `${word()[0]?.toUpperCase()}${word()}${randomInt(1, 1_000)}`,
      () => `${word()}.${randomBytes(4).toString('hex')}`,
    ],
  }
  return pick(notations[load])()
}

/** A few sentences; one load writes more than the other. */
export function prose(load: LoadName): string {
  const count = load === 'A' ? randomInt(5, 60) : randomInt(5, 3_000)
  return Array.from({ length: count }, word).join(' ')
}

export function bytes(load: LoadName): Buffer {
  return randomBytes(load === 'A' ? randomInt(100, 20_000) : randomInt(100, 600_000))
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
