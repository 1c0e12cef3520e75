import { SnugError } from '../../../../errors.ts'
import { packetFormats, sensorFormats } from '../line-formats.ts'
import { recorded } from '../file-source.ts'
import type { LineFormat } from '../line-format.ts'

/** Address and format of incoming events. */
export type ListenAddress = UnixAddress | HttpAddress

export interface UnixAddress {
  readonly kind: 'unix'
  readonly format: LineFormat
  readonly path: string
  /** Permissions of the socket: every user who may connect may report events. */
  readonly mode: number
}

export interface HttpAddress {
  readonly kind: 'http'
  readonly format: LineFormat
  readonly host: string
  readonly port: number
  /** File with the required token; absent only on loopback. */
  readonly tokenFile?: string
}

const formats: readonly LineFormat[] = [
  { ...recorded, name: 'snug' },
  ...sensorFormats,
  ...packetFormats,
]
const ownerOnly = 0o600
const httpPlace = /^http:(\[[0-9a-fA-F:]+\]|[^\s:[\]/?]+):(\d{1,5})$/
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/
const options = { unix: ['format', 'mode'], http: ['format', 'token'] } as const

/**
 * `unix:PATH` or `http:HOST:PORT`, and options after `?`: `format=NAME`, for a socket `mode=0660`,
 * for HTTP `token=FILE`.
 *
 * Errors: `CONFIG_INVALID`.
 */
export function parseListenAddress(spec: string): ListenAddress {
  const at = spec.indexOf('?')
  const place = at === -1 ? spec : spec.slice(0, at)
  const query = new URLSearchParams(at === -1 ? '' : spec.slice(at + 1))
  const kind = place.startsWith('unix:') ? 'unix' : 'http'
  const known: readonly string[] = options[kind]
  for (const name of query.keys()) {
    if (!known.includes(name)) throw invalid(spec, `unknown option \`${name}\``)
  }
  const format = formatOf(query.get('format') ?? 'snug', spec)
  return kind === 'unix' ? unixOf(place, format, query, spec) : httpOf(place, format, query, spec)
}

function unixOf(
  place: string,
  format: LineFormat,
  query: URLSearchParams,
  spec: string,
): UnixAddress {
  const path = place.slice('unix:'.length)
  if (!path.startsWith('/')) throw invalid(spec, 'the path of the socket must be absolute')
  const mode = query.get('mode')
  if (mode !== null && !/^0?[0-7]{3}$/.test(mode))
    throw invalid(spec, '`mode` is not such as `0660`')
  return { kind: 'unix', format, path, mode: mode === null ? ownerOnly : Number.parseInt(mode, 8) }
}

function httpOf(
  place: string,
  format: LineFormat,
  query: URLSearchParams,
  spec: string,
): HttpAddress {
  const match = httpPlace.exec(place)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) {
    throw invalid(spec, 'it must be `unix:PATH` or `http:HOST:PORT`')
  }
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '')
  if (format.packets !== undefined)
    throw invalid(spec, `the format \`${format.name}\` needs \`unix:PATH\``)
  const tokenFile = query.get('token')
  if (tokenFile === null && !loopback.test(host)) {
    throw invalid(
      spec,
      'an address beyond loopback needs `token=FILE`: every sender can influence profiles',
    )
  }
  return { kind: 'http', format, host, port, ...(tokenFile === null ? {} : { tokenFile }) }
}

function formatOf(name: string, spec: string): LineFormat {
  const format = formats.find((each) => each.name === name)
  if (format !== undefined) return format
  const names = formats.map((each) => each.name).join(', ')
  throw invalid(spec, `unknown format \`${name}\`; supported: ${names}`)
}

function invalid(spec: string, why: string): SnugError {
  return new SnugError('CONFIG_INVALID', `source \`listen:${spec}\`: ${why}`)
}
