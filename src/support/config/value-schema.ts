import { z } from 'zod'
import { durationPattern, parseDuration } from './duration.ts'

/** Values that several keys of the config file have. */

/** Milliseconds once parsed. */
export const duration = z
  .string()
  .regex(durationPattern, {
    error: 'must be a duration such as `20s`, `15m`, `24h` or `7d`',
    abort: true,
  })
  .transform((text) => parseDuration(text) ?? 0)

const sizePattern = /^(\d{1,6})(KiB|MiB)$/
/** Bytes once parsed. */
export const size = z
  .string()
  .regex(sizePattern, { error: 'must be a size such as `512KiB` or `8MiB`', abort: true })
  .transform((text) => {
    const match = sizePattern.exec(text)
    return Number(match?.[1]) * (match?.[2] === 'MiB' ? 1_048_576 : 1_024)
  })
  .refine((bytes) => bytes >= 4_096 && Number.isInteger(Math.log2(bytes)), {
    message: 'must be a power of two, and at least `4KiB`',
  })

export const path = z.string().min(1, 'must not be empty')

/** Of a namespace of Kubernetes. */
export const namespacePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
export const namespace = z.string().regex(namespacePattern, 'must be the name of a namespace')

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export interface HostPort {
  readonly host: string
  readonly port: number
}

export const hostPortPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):\d{1,5}$/

export function hostPortOf(text: string): HostPort {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '')
  return { host, port: Number(text.slice(colon + 1)) }
}

export const hostPort = z
  .string()
  .regex(hostPortPattern, { error: 'must be `HOST:PORT`', abort: true })
  .transform(hostPortOf)
  .refine(({ port }) => port <= 65_535, { message: 'has a port above 65535' })
