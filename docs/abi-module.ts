/** A structure of the header: its size, and the offset of each field, also of those in its unions. */
interface Structure {
  readonly size: number
  readonly align: number
  readonly fields: ReadonlyMap<string, number>
}

export interface Abi {
  readonly constants: ReadonlyMap<string, number>
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly structures: ReadonlyMap<string, Structure>
}

const widths: Readonly<Record<string, number>> = { __u8: 1, char: 1, __u16: 2, __u32: 4, __u64: 8 }

/**
 * Reads the constants, enumerations and structures of `agent/include/abi.h`, which has fixed widths and no padding.
 * Throws at a declaration that it cannot read. `agent/sensor/layout.c` has a compiler check the result.
 */
export function readAbi(header: string): Abi {
  const text = header.replaceAll(/\/\*[\s\S]*?\*\//g, '')
  const constants = new Map<string, number>()
  for (const [, name = '', value = ''] of text.matchAll(/^#define SNUG_(\w+) (.+)$/gm)) {
    const number = numberOf(value.trim())
    if (number !== undefined) constants.set(name, number)
  }
  const enums = new Map<string, ReadonlyMap<string, number>>()
  for (const [, name = '', body = ''] of text.matchAll(/^enum snug_(\w+) \{([^}]*)\};/gm))
    enums.set(name, enumOf(body))
  const structures = new Map<string, Structure>()
  const all = new Map([...constants, ...[...enums.values()].flatMap((members) => [...members])])
  for (const [, name = '', body = ''] of text.matchAll(/^struct (\w+) \{([\s\S]*?)^\};/gm))
    structures.set(name, structureOf(body, false, structures, all))
  return { constants, enums, structures }
}

/** Undefined for what is composed of other constants. */
function numberOf(value: string): number | undefined {
  const [, number = '', shift = '0'] = /^\(?(0x[0-9a-f]+|\d+)u?(?: << (\d+)\))?$/.exec(value) ?? []
  return number === '' ? undefined : Number(number) * 2 ** Number(shift)
}

function enumOf(body: string): ReadonlyMap<string, number> {
  const members = new Map<string, number>()
  let next = 0
  for (const [, name = '', value] of body.matchAll(/SNUG_(\w+)(?:\s*=\s*(\d+))?/g)) {
    members.set(name, value === undefined ? next : Number(value))
    next = (members.get(name) ?? 0) + 1
  }
  return members
}

function structureOf(
  body: string,
  isUnion: boolean,
  known: ReadonlyMap<string, Structure>,
  constants: ReadonlyMap<string, number>,
): Structure {
  const fields = new Map<string, number>()
  let [size, align, at] = [0, 1, 0]
  const place = (width: number, alignment: number): number => {
    at = isUnion ? 0 : Math.ceil(at / alignment) * alignment
    const offset = at
    at += width
    size = Math.max(size, at)
    align = Math.max(align, alignment)
    return offset
  }
  const part = /(struct|union) \{((?:[^{}]|\{[^{}]*\})*)\};|(?:struct )?(\w+) (\w+)((?:\[\w+\])*);/g
  const rest = body.replaceAll(part, (_, nested, inner, type, name, dimensions) => {
    if (nested !== undefined) {
      const within = structureOf(inner, nested === 'union', known, constants)
      const offset = place(within.size, within.align)
      for (const [field, below] of within.fields) fields.set(field, offset + below)
      return ''
    }
    const unit = known.get(type)?.size ?? widths[type] ?? Number.NaN
    let width = unit
    for (const [, dimension = ''] of String(dimensions).matchAll(/\[(\w+)\]/g))
      width *= constants.get(dimension.replace('SNUG_', '')) ?? Number(dimension)
    if (!(width > 0)) throw new Error(`a field that cannot be read: ${type} ${name}${dimensions}`)
    fields.set(name, place(width, known.get(type)?.align ?? unit))
    return ''
  })
  if (rest.trim() !== '') throw new Error(`a declaration that cannot be read: ${rest.trim()}`)
  return { size: Math.ceil(size / align) * align, align, fields }
}

const origin = '// Generated from `agent/include/abi.h` by `npm run docs`.\n'

/** What the daemon needs of the header, as TypeScript. */
export function abiModule({ constants, enums, structures }: Abi): string {
  const layout = [...structures].flatMap(([name, { size, fields }]) => [
    [name, size] as const,
    ...[...fields].map(([field, offset]) => [`${name}.${field}`, offset] as const),
  ])
  return [
    origin,
    '/** Little endian, fixed widths. */',
    constant('constants', [...constants].map(named)),
    ...[...enums].map(([name, members]) =>
      constant(`${camel(name)}${name.endsWith('s') ? 'es' : 's'}`, ownNames(members).map(named)),
    ),
    '/** Offset of each field, as `structure.field`, and size of each structure, as `structure`. */',
    constant('layout', layout),
  ].join('\n')
}

/** The numbers that {@link abiModule} has, for the compiler of the sensor to check. */
export function layoutChecks({ constants, enums, structures }: Abi): string {
  return [
    '// SPDX-License-Identifier: Apache-2.0',
    origin,
    '#include <stddef.h>',
    '#include "abi.h"\n',
    '#define IS(name, value) _Static_assert(name == (value), #name)',
    '#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)',
    '#define AT(type, field, at) _Static_assert(offsetof(struct type, field) == (at), #type "." #field)\n',
    ...[constants, ...enums.values()].flatMap((numbers) =>
      [...numbers].map(([name, value]) => `IS(SNUG_${name}, ${value});`),
    ),
    ...[...structures].flatMap(([name, { size, fields }]) => [
      `SIZE(${name}, ${size});`,
      ...[...fields].map(([field, offset]) => `AT(${name}, ${field}, ${offset});`),
    ]),
    '',
  ].join('\n')
}

/** Without the word that all of them begin with, and without their number at the end: `DROP_RING`, `DROP_TASK`, `DROPS`. */
function ownNames(members: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  const all = [...members]
  const word = /^[A-Z]+/.exec(all[0]?.[0] ?? '')?.[0] ?? ''
  const own = all.filter(([name]) => name !== `${word}S`)
  if (!own.every(([name]) => name.startsWith(`${word}_`))) return all
  return own.map(([name, value]) => [name.slice(word.length + 1), value])
}

function named([name, value]: readonly [string, number]): readonly [string, number] {
  return [camel(name.toLowerCase()), value]
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function constant(name: string, values: readonly (readonly [string, number])[]): string {
  return `export const ${name} = ${JSON.stringify(Object.fromEntries(values))} as const\n`
}
