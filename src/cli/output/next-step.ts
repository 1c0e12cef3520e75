import type { DoctorCheck, DoctorReport, StatusView } from '../../api/status-views.ts'

/** Without these the agent does not start, or does not observe; in the order in which to mend them. */
const needed = ['config', 'node', 'kernel', 'btf', 'rights', 'lockdown', 'cgroup-v2'] as const

/** The one thing to do next on this host, as a sentence. Without a `status` no agent runs. */
export function nextStep({ checks, images }: DoctorReport, status?: StatusView): string {
  const failed = checks.filter(({ ok }) => !ok)
  const lacking = (name: string): DoctorCheck | undefined =>
    failed.find((check) => check.name === name)
  const first = needed.map(lacking).find((check) => check !== undefined)
  if (first !== undefined) return mend(first)
  if (status === undefined)
    return 'start the agent: `systemctl enable --now snug`, or `snug agent` in the foreground'
  const source = failed.find(({ name }) => name.startsWith('source '))
  if (source !== undefined) return mend(source)
  if (images.length === 0) {
    const engine = lacking('docker')
    return engine === undefined ? 'start a container: Snug learns its image' : mend(engine)
  }
  const bpffs = lacking('bpffs')
  return bpffs === undefined ? workOf(status) : mend(bpffs)
}

function mend({ name, found, advice }: DoctorCheck): string {
  return advice === undefined ? `mend \`${name}\`: ${found}` : `mend \`${name}\`: ${advice}`
}

function workOf({ alerts, versions }: StatusView): string {
  if (alerts.open > 0) return `decide on ${alerts.open} open alerts: \`snug alert list\``
  if (versions.review > 0)
    return `review ${versions.review} versions: \`snug profile review\`, or \`snug ui\` for the page`
  if (versions.incomplete > 0)
    return `see why ${versions.incomplete} profiles are incomplete: \`snug image list\``
  if (versions.learning > 0)
    return `nothing yet: ${versions.learning} versions are learning; \`snug image list\` shows how far`
  return 'nothing: every version is learned'
}
