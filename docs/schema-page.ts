import { code, page, table } from './markdown.ts'

export interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

type Row = readonly [string, string, string, string]

/** A page with a table of members; of a union on `kind`, what all have first and then each its own. */
export function schemaPage(title: string, words: string, schema: JsonSchema): string {
  const head = ['member', 'type', 'must', 'meaning']
  const kinds = schema.oneOf
  if (kinds === undefined) return page(title, words, table(head, rowsOf(schema, '')))
  const act = kinds.find(({ properties }) => properties?.['process'] !== undefined) ?? schema
  const own = (kind: JsonSchema): string => String(kind.properties?.['kind']?.const)
  const shared = rowsOf(act, '').filter(([name]) => !isOwn(name, own(act)))
  return page(
    title,
    words,
    table(head, shared),
    ...kinds.flatMap((kind) => [
      `## ${own(kind)}`,
      table(
        head,
        rowsOf(kind, '').filter(([name]) => isOwn(name, own(kind))),
      ),
    ]),
  )
}

function isOwn(name: string, kind: string): boolean {
  return name === code(kind) || name.startsWith(`\`${kind}.`) || name === code('kind')
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]): Row[] => {
    const path = `${prefix}${name}`
    const must = schema.required?.includes(name) ? 'yes' : ''
    const inner = member.items?.properties === undefined ? member : member.items
    const below = inner === member ? `${path}.` : `${path}[].`
    const row: Row = [code(path), typeOf(member), must, member.description ?? '']
    return [row, ...rowsOf(inner, below)]
  })
}

function typeOf({ type, const: constant, enum: values, items, anyOf, oneOf }: JsonSchema): string {
  if (constant !== undefined) return code(JSON.stringify(constant))
  if (values !== undefined) return values.map((value) => code(String(value))).join(' ')
  if (items !== undefined) return `list of ${typeOf(items)}`
  const either = anyOf ?? (oneOf?.length === 0 ? undefined : oneOf)
  if (either !== undefined) {
    return [...new Set(either.map(typeOf))].join(' or ')
  }
  return type ?? 'any'
}
