import { expect, it } from 'vitest'
import type { DoctorCheck, DoctorReport, StatusView } from '../../src/api/status-views.ts'
import { nextStep } from '../../src/cli/output/next-step.ts'

function lacks(...names: readonly string[]): DoctorReport {
  const checks = ['config', 'btf', 'rights', 'docker', 'bpffs', 'bpf-lsm', 'source ebpf'].map(
    (name): DoctorCheck =>
      names.includes(name)
        ? { name, ok: false, found: 'missing', advice: `how to mend ${name}` }
        : { name, ok: true, found: 'there' },
  )
  return { checks, acts: [], images: [{ image: 'shop', because: 'it learns' }], stops: [] }
}

const calm = {
  alerts: { open: 0, total: 3 },
  versions: { learning: 0, review: 0, enforced: 1, incomplete: 0 },
} as StatusView

it.each([
  ['what the sensor cannot do without', lacks('docker', 'btf', 'rights'), calm, /mend btf/],
  ['the start of the agent', lacks('docker'), undefined, /^start the agent/],
  ['a host that cannot run the agent, before its start', lacks('rights'), undefined, /mend rights/],
  ['a source that does not observe', lacks('source ebpf', 'bpffs'), calm, /mend source ebpf/],
  ['what blocking needs', lacks('bpffs', 'bpf-lsm'), calm, /mend bpffs/],
  ['nothing for another engine than Docker that works', lacks('docker'), calm, /^nothing: /],
  ['nothing for a kernel without BPF LSM', lacks('bpf-lsm'), calm, /^nothing: /],
  ['an engine where no image was found', { ...lacks('docker'), images: [] }, calm, /mend docker/],
  ['a container', { ...lacks(), images: [] }, calm, /^start a container/],
  ['open alerts', lacks(), { ...calm, alerts: { open: 2, total: 3 } }, /snug alert list/],
  [
    'the review',
    lacks(),
    { ...calm, versions: { ...calm.versions, review: 1, learning: 4 } },
    /^review 1 versions/,
  ],
  [
    'incomplete profiles',
    lacks(),
    { ...calm, versions: { ...calm.versions, incomplete: 1, learning: 4 } },
    /incomplete/,
  ],
  [
    'patience while versions learn',
    lacks(),
    { ...calm, versions: { ...calm.versions, learning: 4 } },
    /^nothing yet: 4 versions/,
  ],
])('the next step is %s', (_what, report, status, expected) => {
  expect(nextStep(report, status)).toMatch(expected)
})
