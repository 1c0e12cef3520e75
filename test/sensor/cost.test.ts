import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCost } from '../../src/agent/reading/status/node-cost.ts'
import { sensorCost } from '../../src/agent/pipeline/sources/ebpf/sensor-cost.ts'
import { builtSensor } from '../../src/agent/pipeline/sources/ebpf/sensor-process.ts'
import type { KernelCost, ProgramCost } from '../../src/api/status-views.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const sensor = oneSensor()
const reads = [`read ${hex('/etc/secret')}`]
let acts: Acts

beforeEach(() => {
  acts = new Acts(sensor.image)
})
afterEach(() => acts.stop())

/** The container opens a file again and again, until what is waited for has come. */
async function whileReading<Result>(wanted: Promise<Result>): Promise<Result> {
  let came = false
  const result = wanted.finally(() => (came = true))
  // Its refusal is the caller's, once the container is quiet.
  result.catch(() => undefined)
  while (!came) await acts.did(reads)
  return result
}

function pidOfSensor(): number {
  const { sensorPid } = sensor.recorder.source
  if (sensorPid === undefined) throw new Error('no sensor runs')
  return sensorPid
}

/** Runs that the kernel has counted, by the descriptors of the sensor. */
function countedRuns(): number {
  const folder = `/proc/${pidOfSensor()}/fdinfo`
  return readdirSync(folder)
    .map((name) => /^run_cnt:\s+(\d+)$/m.exec(readFileSync(`${folder}/${name}`, 'utf8')))
    .reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0)
}

const sumOf = (programs: readonly ProgramCost[], key: 'runs' | 'nanoseconds'): number =>
  programs.reduce((sum, each) => sum + each[key], 0)

describe('the cost of the programs in the kernel', () => {
  it('is the runs of each program and their time, while a container acts', async () => {
    const { programs, seconds, mapBytes } = await whileReading(
      sensor.recorder.source.measureCost(1),
    )
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(mapBytes).toBeGreaterThan(1 << 20)
    // Whole names, which the kernel cuts to 15 characters.
    expect(programs.map(({ program }) => program)).toContain('on_cgroup_mkdir')
    expect(new Set(programs.map(({ program }) => program)).size).toBe(programs.length)
    expect(sumOf(programs, 'runs')).toBeGreaterThan(0)
    for (const { program, runs, nanoseconds } of programs) {
      expect([program, nanoseconds > 0]).toEqual([program, runs > 0])
    }
  })

  it('is measured only while somebody asks, and added up for the metrics', async () => {
    const { source } = sensor.recorder
    const before = source.stats.measured ?? []
    const first = countedRuns()
    const measured: KernelCost = await whileReading(source.measureCost(1))
    const after = source.stats.measured ?? []
    for (const key of ['runs', 'nanoseconds'] as const) {
      expect(sumOf(after, key)).toBe(sumOf(before, key) + sumOf(measured.programs, key))
    }
    const counted = countedRuns()
    expect(sumOf(measured.programs, 'runs')).toBeLessThanOrEqual(counted - first)
    await acts.did(reads)
    await source.obeyed()
    expect(countedRuns()).toBe(counted)
  })

  it('is refused for a process without such programs, by its code', async () => {
    await expect(sensorCost(process.pid, 1)).rejects.toMatchObject({ code: 'COST_UNMEASURED' })
  })

  it('needs CAP_SYS_ADMIN, or an administrator who has turned the measurement on', () => {
    const lesser = () =>
      spawnSync(
        'setpriv',
        ['--bounding-set', '-sys_admin', builtSensor, '--cost', '1', '--of', String(pidOfSensor())],
        { encoding: 'utf8' },
      )
    expect(lesser()).toMatchObject({ status: 1, stdout: '' })
    expect(lesser().stderr).toContain('kernel.bpf_stats_enabled')
    writeFileSync('/proc/sys/kernel/bpf_stats_enabled', '1')
    try {
      expect(lesser()).toMatchObject({ status: 0 })
    } finally {
      writeFileSync('/proc/sys/kernel/bpf_stats_enabled', '0')
    }
  })
})

describe('the cost of a node', () => {
  it('has processor time and memory of the processes, and the programs', async () => {
    const { source } = sensor.recorder
    const report = await whileReading(nodeCost([source], 1))
    expect(report.processes.map(({ process }) => process)).toEqual(['agent', 'sensor'])
    for (const { residentBytes } of report.processes) expect(residentBytes).toBeGreaterThan(1 << 20)
    // This process has driven the container meanwhile.
    expect(report.processes[0]?.seconds).toBeGreaterThan(0)
    expect(report.seconds).toBeGreaterThanOrEqual(1)
    expect(sumOf(report.kernel?.programs ?? [], 'runs')).toBeGreaterThan(0)
    expect(report).not.toHaveProperty('unmeasured')
  })

  it('states why the programs are not part of it where there are none', async () => {
    const report = await nodeCost([], 1)
    expect(report.processes.map(({ process }) => process)).toEqual(['agent'])
    expect(report).not.toHaveProperty('kernel')
    expect(report.unmeasured).toBe('no source has programs in the kernel')
  })
})
