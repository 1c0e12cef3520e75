import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const tests = new URL('test/', import.meta.url)

/** Tests that try fewer random cases in the fast lane. */
const random = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => readFileSync(new URL(path, tests), 'utf8').includes('/random-cases.ts'))
  .map((path) => `test/${path}`)

/** In every lane. No test judges by the clock: the time only ends one that hangs, on a loaded machine too. */
const everywhere = {
  setupFiles: ['test/fixtures/seeded.ts'],
  expect: { poll: { timeout: 60_000 } },
}

const onThisMachine = {
  ...everywhere,
  globalSetup: ['test/fixtures/global-setup.ts'],
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 300_000,
}

const onNode = ['test/kube/{deployment,cgroup-forms,first-exec,tutorial}.test.ts']

/** Of what people install, open and connect: what needs no sensor, no engine and no other right on the machine. */
const apart = [
  'test/product/{alertmanager-sink,attestation,broker-sinks,console,console-bucket}.test.ts',
  'test/product/{console-end,console-nats-rights,console-sign-in}.test.ts',
  'test/product/{cosign,delivery-soak,demonstration-recorded,fleet-daemons,fleet-nats}.test.ts',
  'test/product/{fleet-nats-rights,gateway,keyless,monitoring}.test.ts',
  'test/product/{node-versions,page-look,service-monitor,syslog}.test.ts',
  'test/contract/source-author.system.test.ts',
  'test/deploy/{check-dependencies,helm-chart,helm-values,kustomize}.system.test.ts',
  'test/deploy/{node-policy,published-chart,static-sensor}.system.test.ts',
  'test/{soak/soak,state/store/kill}.system.test.ts',
  'test/supplychain/{export/in-toto,image/formats}.system.test.ts',
]

/**
 * Lanes. `fast` needs no root and no services and is the inner loop (`npm test`); `random` tries all the random cases, of
 * which `fast` tries a fifth; `system` runs the sensor, Docker and the whole daemon on this machine, one file at a time
 * because they share the kernel; `product` and `apart` run what people install, open and connect; `qemu` runs the sensor
 * in virtual machines; `kube` and `node` have a Kubernetes.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/fixtures/lane-results.ts'],
    // By itself vitest leaves a processor free, which of two is half of the time.
    maxWorkers: 2,
    // Compiled modules stay on disk, by their content: to compile them again is a third of what loading costs.
    experimental: { fsModuleCache: true },
    projects: [
      {
        test: {
          name: 'fast',
          ...everywhere,
          // Files share the modules that they import: loading them anew was half of the lane.
          isolate: false,
          testTimeout: 300_000,
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.system.test.ts', 'test/{sensor,e2e,product,qemu,kube}/**'],
        },
      },
      {
        test: {
          name: 'random',
          ...everywhere,
          isolate: false,
          testTimeout: 300_000,
          env: { SNUG_RANDOM_CASES: process.env['SNUG_RANDOM_CASES'] ?? '1' },
          include: random,
        },
      },
      {
        test: {
          // What asks an API server and nothing else of the machine: runs beside `product` and `node`.
          name: 'kube',
          ...everywhere,
          include: ['test/kube/**/*.test.ts'],
          exclude: onNode,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          // A whole node, and cgroups as nodes have them.
          name: 'node',
          ...everywhere,
          include: onNode,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          // Virtual machines with Debian's kernels: runs beside `system` and `product`.
          name: 'qemu',
          ...everywhere,
          include: ['test/qemu/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          // More kernels than `make test` boots.
          name: 'kernels',
          ...everywhere,
          include: ['test/qemu/{kernels/*,old-kernel,bypass,debian-kernel,arm64}.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'system',
          ...onThisMachine,
          include: ['test/{sensor,e2e}/**/*.test.ts'],
        },
      },
      {
        test: {
          // Runs beside `system` and `product`.
          name: 'apart',
          ...everywhere,
          include: apart,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // Where one command runs both, after `qemu`.
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          // Packages, pages, tutorials, receivers, registries.
          name: 'product',
          ...onThisMachine,
          include: ['test/product/**/*.test.ts', 'test/**/*.system.test.ts'],
          exclude: apart,
        },
      },
    ],
  },
})
