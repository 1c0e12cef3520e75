import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import protobuf from 'protobufjs'

/** The published messages of Grafeas v1, as Google's own client has them. */
const require = createRequire(import.meta.url)
const folder = require.resolve('@google-cloud/grafeas/package.json').replace(/package\.json$/, '')
const messages = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(`${folder}build/protos/protos.json`, 'utf8')) as protobuf.INamespace,
).resolveAll()

/** What of a value a message of that name has no place for, in the JSON of protocol buffers; nothing where it fits. */
export function faultsOf(value: unknown, name: 'Note' | 'Occurrence'): readonly string[] {
  return [...messageFaults(value, messages.lookupType(`grafeas.v1.${name}`), name)]
}

function* messageFaults(value: unknown, type: protobuf.Type, at: string): Generator<string> {
  if (type.fullName === '.google.protobuf.Timestamp') {
    const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(String(value))
    if (!isTime) yield `${at}: no time`
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield `${at}: no object`
    return
  }
  for (const { name, oneof } of type.oneofsArray) {
    const set = oneof.filter((member) => member in value)
    if (set.length > 1) yield `${at}: more than one of ${name}`
  }
  for (const [member, of] of Object.entries(value)) {
    const field = type.fields[member]
    if (field === undefined) yield `${at}.${member}: not in ${type.name}`
    else yield* fieldFaults(of, field, `${at}.${member}`)
  }
}

function* fieldFaults(value: unknown, field: protobuf.Field, at: string): Generator<string> {
  if (!field.repeated) {
    yield* oneFaults(value, field, at)
  } else if (!Array.isArray(value)) {
    yield `${at}: no list`
  } else {
    for (const [index, one] of value.entries()) yield* oneFaults(one, field, `${at}[${index}]`)
  }
}

function* oneFaults(value: unknown, field: protobuf.Field, at: string): Generator<string> {
  const type = field.resolvedType
  if (type instanceof protobuf.Type) yield* messageFaults(value, type, at)
  else if (type instanceof protobuf.Enum) {
    if (!(String(value) in type.values)) yield `${at}: \`${String(value)}\` is none of ${type.name}`
  } else if (field.type === 'bytes') {
    const isBase64 = typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
    if (!isBase64) yield `${at}: no base64`
  } else {
    const wanted = { string: 'string', bool: 'boolean' }[field.type] ?? 'number'
    if (typeof value !== wanted) yield `${at}: no ${wanted}`
  }
}
