import { readdirSync, readFileSync } from 'node:fs'

/**
 * Which test file belongs to which lane, and which of them decide whether a change may land. A file is in the lane of
 * what it needs. `make test` runs the lanes of the gate without the files in `rare`; `make test-all` runs everything.
 */
export interface Lane {
  readonly shows: string
  readonly files: readonly string[]
  readonly without?: readonly string[]
  /** Whether `make test` runs it; otherwise only `make test-all` does. */
  readonly decides: boolean
}

const tests = new URL('./', import.meta.url)

/** Files with properties that are tried on random cases. */
const onRandomCases = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => readFileSync(new URL(path, tests), 'utf8').includes('/random-cases.ts'))
  .map((path) => `test/${path}`)

/** What shares this machine's kernel or engine, beyond `test/sensor` and `test/e2e`. */
const onThisKernel = [
  'test/product/{cut-list,demonstration,page-operator}.test.ts',
  'test/deploy/{ci-files,debian-package,npm-package}.system.test.ts',
  'test/deploy/{release-image,rights,signed-image}.system.test.ts',
  'test/docs/tutorials.system.test.ts',
  'test/fleet/nri/sandbox-events.system.test.ts',
  'test/agent/pipeline/identity/podman.system.test.ts',
  'test/redteam/red-team.system.test.ts',
  'test/redteam/service/attacks.system.test.ts',
]

/** Agents that need nothing of the lane's Docker, or another engine as well; and those that something disturbs. */
const onOtherEngines = [
  'test/e2e/{damaged-sensor,enforcement-gap,enforcement-outlives}.test.ts',
  'test/e2e/{blind-containerd,blind-docker,containerd,containerd-hold}.test.ts',
  'test/e2e/{falco-source,hung-engine}.test.ts',
  'test/e2e/{gvisor,identity-docker,loaded-libraries}.test.ts',
  'test/e2e/{podman,podman-first-program,replaced-profile}.test.ts',
]

/** Workloads that are no container, and what an agent is given, loses and takes up again. */
const onHost = [
  'test/e2e/{bad-input,host-services,job,job-packages,killed-daemon,reload,units,units-rpm}.test.ts',
]

const onNode = ['test/kube/{deployment,cgroup-forms,session-persons,tutorial}.test.ts']

/** What holds back, or leaves without a place, containers of every other test on this kernel. */
const aloneOnKernel = ['test/sensor/shared-tables.test.ts', 'test/kube/first-exec.test.ts']

export const lanes = {
  fast: {
    shows: 'the logic: profiles, judging, formats, stores, interfaces',
    files: ['test/**/*.test.ts'],
    without: [
      'test/**/*.system.test.ts',
      'test/{sensor,e2e,product,qemu,kube}/**',
      ...onRandomCases,
    ],
    decides: true,
  },
  random: {
    shows: 'properties on random cases: a fifth of them in `make test`',
    files: onRandomCases,
    decides: true,
  },
  sensor: {
    shows: 'the sensor on containers of this kernel',
    files: ['test/sensor/**/*.test.ts'],
    without: aloneOnKernel,
    decides: true,
  },
  system: {
    shows: 'the whole agent on containers of this kernel',
    files: ['test/e2e/**/*.test.ts'],
    without: [...onOtherEngines, ...onHost],
    decides: true,
  },
  engines: {
    shows: 'the whole agent on containerd, Podman and broken engines',
    files: onOtherEngines,
    decides: true,
  },
  host: {
    shows: 'the whole agent on systemd’s units and on jobs, with bad input, and killed',
    files: onHost,
    decides: true,
  },
  product: {
    shows: 'what people run on this kernel: the demo, the page, rights of the processes',
    files: onThisKernel,
    decides: true,
  },
  apart: {
    shows: 'receivers, signatures, charts, console, fleet, own processes: no sensor and no engine',
    files: ['test/product/**/*.test.ts', 'test/**/*.system.test.ts'],
    without: onThisKernel,
    decides: true,
  },
  qemu: {
    shows: 'security hooks and fmod_ret: attempts to get past the sensor on Debian 13’s kernel',
    files: ['test/qemu/*.test.ts'],
    decides: true,
  },
  kube: {
    shows: 'API server: fleet, admission, console, reports',
    files: ['test/kube/**/*.test.ts'],
    without: [...onNode, ...aloneOnKernel],
    decides: true,
  },
  node: {
    shows: 'Snug deployed on a Kubernetes node',
    files: onNode,
    decides: true,
  },
  alone: {
    shows: 'what concerns all containers of a kernel: its tables, and first programs that wait',
    files: aloneOnKernel,
    decides: true,
  },
  kernels: {
    shows: 'the sensor on Debian’s kernels from 5.10 on, and on arm64',
    files: ['test/qemu/kernels/*.test.ts'],
    decides: false,
  },
} as const satisfies Readonly<Record<string, Lane>>

export type LaneName = keyof typeof lanes

/** Files of the lanes above that only `make test-all` runs, by the reason. */
export const rare = {
  'a promise at scale or under load, whose figures depend on the machine; its smaller test decides':
    [
      'test/e2e/flood.test.ts',
      'test/e2e/memory-at-rest.test.ts',
      'test/e2e/services-in-block.test.ts',
      'test/e2e/short-containers-busy.test.ts',
      'test/kube/large-cluster.test.ts',
      'test/product/console-scale.test.ts',
      'test/product/delivery-soak.test.ts',
      'test/product/fleet-scale.test.ts',
      'test/product/page-scale.test.ts',
      'test/sensor/many-versions.test.ts',
      'test/sensor/written-files.test.ts',
      'test/soak/behaviour-memory.system.test.ts',
      'test/soak/soak.system.test.ts',
      'test/support/telemetry/heap.system.test.ts',
    ],
  'a rare fault of what Snug is connected to; tests of its parts decide, and of the frequent faults':
    [
      // Bytes of the sensor: fuzzing, and sensor/source-contract.
      'test/e2e/damaged-sensor.test.ts',
      // Engines: e2e/blind-docker and blind-containerd.
      'test/e2e/hung-engine.test.ts',
      // API server: kube/cut-off, and fleet/kubernetes.
      'test/kube/api-faults.test.ts',
    ],
  'the steps of a page of docs/, each of which has its own test': [
    'test/deploy/ci-files.system.test.ts',
    'test/docs/tutorials.system.test.ts',
    'test/kube/tutorial.test.ts',
  ],
  'packages and images of a release, on bare systems': [
    'test/deploy/debian-package.system.test.ts',
    'test/deploy/npm-package.system.test.ts',
    'test/deploy/own-vex.system.test.ts',
    'test/deploy/published-chart.system.test.ts',
    'test/deploy/release-image.system.test.ts',
    'test/deploy/same-release.system.test.ts',
    'test/deploy/signed-image.system.test.ts',
    'test/deploy/static-sensor.system.test.ts',
    'test/product/node-versions.test.ts',
  ],
  'a build of an earlier commit, which the history of a clone may not have': [
    'test/e2e/upgrade.test.ts',
    'test/product/earlier-fleet.test.ts',
  ],
  'services of Debian and the attacks of the evaluation, for a quarter of an hour; its parts decide':
    ['test/e2e/host-services.test.ts'],
  'attacks composed at random; the bypasses in the gate are those that were found': [
    'test/redteam/red-team.system.test.ts',
    'test/redteam/service/attacks.system.test.ts',
  ],
  'a story that another file shows on another surface': [
    // The counts of sensor/known-workload, through the agent.
    'test/e2e/known-workload.test.ts',
    // Installs of sixty packages: e2e/job has those of three.
    'test/e2e/job-packages.test.ts',
    // Class `open` of a notebook: e2e/open-class has it for a shell.
    'test/e2e/notebook.test.ts',
    // Podman’s hook: sensor/start-hook and e2e/podman.
    'test/e2e/podman-first-program.test.ts',
    // The page of console-page, with the decisions of console-bucket.
    'test/product/console-bucket-page.test.ts',
    // The demo from its recording: demonstration has the real one.
    'test/product/demonstration-recorded.test.ts',
    // One vulnerable service: e2e/shift-left joins a scan with a profile.
    'test/product/cut-list.test.ts',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>
