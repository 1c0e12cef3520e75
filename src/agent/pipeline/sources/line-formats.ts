import type { EventKind } from '../../../core/event/event-words.ts'
import { auditFormat } from '../../../plugins/sensors/audit/audit-source.ts'
import { falcoFormat } from '../../../plugins/sensors/falco/falco-source.ts'
import { gvisorFormat } from '../../../plugins/sensors/gvisor/gvisor-source.ts'
import { kubearmorFormat } from '../../../plugins/sensors/kubearmor/kubearmor-source.ts'
import { type LineFormat } from './line-format.ts'
import { LineSource, type LineSourceOptions } from './line-source.ts'
import { tetragonFormat } from '../../../plugins/sensors/tetragon/tetragon-source.ts'
import { traceeFormat } from '../../../plugins/sensors/tracee/tracee-source.ts'

/** Supported output of other sensors, by the name at the start of a source's spec. */
export const sensorFormats: readonly LineFormat[] = [
  falcoFormat,
  tetragonFormat,
  traceeFormat,
  kubearmorFormat,
  auditFormat,
]

/** Of sensors that send packets to a socket. */
export const packetFormats: readonly LineFormat[] = [gvisorFormat]

/** The kinds that each format can report, if the rules of the sensor ask for them. */
export const sensorKinds: ReadonlyMap<string, readonly EventKind[]> = new Map(
  [...sensorFormats, ...packetFormats].map(({ name, kinds }) => [name, kinds]),
)

/** The source of a spec such as `falco:/var/log/falco.json`; undefined if it names no sensor. */
export function sensorSource(
  spec: string,
  options: Omit<LineSourceOptions, 'path'>,
): LineSource | undefined {
  const format = sensorFormats.find(({ name }) => spec.startsWith(`${name}:`))
  if (format === undefined) return undefined
  return new LineSource(format, { ...options, path: spec.slice(format.name.length + 1) })
}
