import { defineConfig } from 'vitest/config'
import { hangMs, patienceMs } from './test/fixtures/patience.ts'
import { type Lane, type LaneName, lanes, rare } from './test/lanes.ts'

/** `make test` sets it. A file that is named on a command line runs without. */
const isGate = process.env['SNUG_TEST_GATE'] === '1'

/**
 * The time of a test only ends one that hangs, on a loaded machine too. Files share the modules that they import: to load
 * them again is half of a lane that computes.
 */
const shared = { isolate: false, testTimeout: hangMs, hookTimeout: hangMs }
const oneByOne = { ...shared, fileParallelism: false }
/** Of the lane's own engine. */
const withDocker = { ...oneByOne, globalSetup: ['test/fixtures/global-setup.ts'] }

const settings = {
  fast: shared,
  random: shared,
  sensor: withDocker,
  system: withDocker,
  engines: withDocker,
  host: withDocker,
  product: withDocker,
  apart: shared,
  qemu: oneByOne,
  kernels: oneByOne,
  kube: shared,
  node: oneByOne,
  alone: oneByOne,
} as const satisfies Readonly<Record<LaneName, object>>

/** test/lanes.ts says which file is where. */
export default defineConfig({
  test: {
    reporters: ['default', './test/fixtures/lane-results.ts'],
    // By itself vitest leaves a processor free, which of two is half of the time.
    maxWorkers: 2,
    // Compiled modules stay on disk, by their content: to compile them again is a third of what loading costs.
    experimental: { fsModuleCache: true },
    projects: (Object.entries(lanes) as [LaneName, Lane][]).map(([name, lane], order) => ({
      test: {
        name,
        setupFiles: ['test/fixtures/seeded.ts'],
        expect: { poll: { timeout: patienceMs } },
        ...settings[name],
        include: [...lane.files],
        exclude: [...(lane.without ?? []), ...(isGate ? Object.values(rare).flat() : [])],
        // Where one command runs several lanes, one after the other.
        sequence: { groupOrder: order },
      },
    })),
  },
})
