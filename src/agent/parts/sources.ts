import type { Config } from '../../support/config/config-schema.ts'
import type { GeneraliseRules } from '../../core/behaviour/generalise-schema.ts'
import { unitPatterns } from '../../core/match/unit-globs.ts'
import { SnugError } from '../../errors.ts'
import { FileSource } from '../pipeline/sources/file-source.ts'
import { sensorSource } from '../pipeline/sources/line-formats.ts'
import { ListenSource } from '../pipeline/sources/listen/listen-source.ts'
import { ModuleSource } from '../pipeline/sources/module-source.ts'
import { PlaceFile, placePath } from '../pipeline/sources/place-file.ts'
import { EbpfSource } from '../pipeline/sources/ebpf/ebpf-source.ts'
import type { EventSource } from '../pipeline/sources/source.ts'
import { type Log, stageLog } from '../../support/telemetry/log.ts'

/** Errors: `SOURCE_UNKNOWN` */
export function sourcesOf(
  config: Config,
  rules: GeneraliseRules,
  log: Log,
): readonly EventSource[] {
  return config.sources.map((spec) => sourceOf(spec, config, rules, stageLog(log, 'source')))
}

/** @param startAgain see `EbpfSourceOptions` */
export function ebpfSource(
  { node, rings, sensor, kernelState, units }: Config,
  rules: GeneraliseRules,
  log: Log,
  startAgain = true,
): EbpfSource {
  return new EbpfSource({
    node,
    ringBytes: rings.size,
    ...(kernelState === 'none' ? {} : { kernelState }),
    acknowledgeWhen: 'stored',
    startAgain,
    programs: rules.arguments.flatMap(({ names }) => names),
    units: patternsOf(units),
    ...(sensor.path === undefined ? {} : { sensorPath: sensor.path }),
    log: (line, level) => log[level]({ line }, 'output of the sensor'),
  })
}

function patternsOf(units: readonly string[]): readonly string[] {
  const patterns = unitPatterns(units)
  return typeof patterns === 'string' ? [] : patterns
}

function sourceOf(spec: string, config: Config, rules: GeneraliseRules, log: Log): EventSource {
  const { node } = config
  if (spec === 'ebpf') return ebpfSource(config, rules, log)
  if (spec.startsWith('file:')) return new FileSource({ path: spec.slice('file:'.length), node })
  const options = {
    node,
    onRejected: (line: object) => log.warn(line, 'a line was rejected'),
    ...(config.data === 'none' ? {} : { place: new PlaceFile(placePath(config.data, spec)) }),
    keeps: config.sources.length === 1,
  }
  const sensor = sensorSource(spec, options)
  if (sensor !== undefined) return sensor
  if (spec.startsWith('listen:')) return new ListenSource(spec.slice('listen:'.length), options)
  if (spec.startsWith('module:')) return new ModuleSource(spec.slice('module:'.length), options)
  throw new SnugError('SOURCE_UNKNOWN', `there is no source \`${spec}\``)
}
