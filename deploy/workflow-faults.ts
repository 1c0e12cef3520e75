import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml'

/** What a job of ours may be given beyond reading, each for a reason that is in its workflow. */
const writable = new Set(['contents', 'packages', 'security-events', 'id-token'])
/** Both run with the rights of the repository on what a stranger sent. */
const privileged = ['pull_request_target', 'workflow_run']
/** What runs the code of a change, before anyone has reviewed it. */
const foreign = ['pull_request', 'issue_comment', 'issues', 'discussion', 'discussion_comment']
/** They run packages that others publish. */
const packageTools = /\b(?:npm|npx|yarn|pnpm|tsx|pip|cargo)\b/

type Report = (node: unknown, message: string) => void

/**
 * Faults of a workflow, or of a composite action, as `LINE: MESSAGE`: who can change what it runs, or use the rights that
 * it gives, without a review of this repository.
 */
export function faultsOfWorkflow(text: string): readonly string[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const faults: string[] = []
  const report: Report = (node, message) => {
    const range = (node as { readonly range?: readonly number[] } | undefined)?.range
    faults.push(`${range === undefined ? 1 : lines.linePos(range[0] ?? 0).line}: ${message}`)
  }
  for (const { message } of document.errors) report(undefined, message)
  const root = document.contents
  if (!isMap(root)) return [...faults, '1: no workflow']
  const runs = mapAt(root, 'runs')
  if (runs !== undefined) checkSteps(runs, report)
  else checkJobs(root, report)
  return faults
}

function checkJobs(root: YAMLMap, report: Report): void {
  const triggers = triggersOf(root)
  for (const name of privileged.filter((each) => triggers.includes(each))) {
    report(root.get('on', true), `\`${name}\` gives rights of the repository to a foreign change`)
  }
  const isForeign = triggers.some((name) => foreign.includes(name))
  const top = root.get('permissions', true)
  if (!isMap(top) || top.items.length > 0) {
    report(top ?? root, 'no `permissions: {}`: each job names its own')
  }
  for (const { value: job } of mapAt(root, 'jobs')?.items ?? []) {
    if (isMap(job)) checkJob(job, isForeign, report)
  }
}

function checkJob(job: YAMLMap, isForeign: boolean, report: Report): void {
  const writes = writesOf(job, report)
  if (isForeign && writes.length > 0) {
    report(job, `\`${writes.join(', ')}\` to write, where a foreign change triggers it`)
  }
  if (isForeign && JSON.stringify(job.get('runs-on', true) ?? '').includes('self-hosted')) {
    report(job, 'a foreign change runs on a runner of the project')
  }
  if (job.get('secrets') === 'inherit') report(job, 'passes on every secret')
  const reusable = job.get('uses', true)
  if (reusable !== undefined) checkAction(reusable, report)
  for (const image of imagesOf(job)) {
    const name = isScalar(image) ? String(image.value) : ''
    if (!/@sha256:[0-9a-f]{64}$/.test(name)) report(image, `the image \`${name}\` has no digest`)
  }
  checkSteps(job, report)
  if (writes.length === 0) return
  for (const step of stepsOf(job)) {
    const run = step.get('run', true)
    if (isScalar(run) && packageTools.test(String(run.value))) {
      report(run, `runs packages of others with the right to write \`${writes.join(', ')}\``)
    }
  }
}

/** The rights to write of a job. */
function writesOf(job: YAMLMap, report: Report): readonly string[] {
  const permissions = job.get('permissions', true)
  if (!isMap(permissions)) {
    const given = isScalar(permissions) ? `\`${String(permissions.value)}\`` : 'none'
    report(permissions ?? job, `the job names no \`permissions\` one by one: ${given}`)
    return []
  }
  const given = permissions.items.map(({ key, value }) => [String(key), String(value)] as const)
  for (const [right, level] of given) {
    const isNarrow = level === 'read' || level === 'none' || writable.has(right)
    if (!isNarrow) report(permissions, `\`${right}: ${level}\` is more than any job here needs`)
  }
  return given.filter(([, level]) => level === 'write').map(([right]) => right)
}

function checkSteps(parent: YAMLMap, report: Report): void {
  for (const step of stepsOf(parent)) {
    const uses = step.get('uses', true)
    const run = step.get('run', true)
    if (uses !== undefined) checkAction(uses, report)
    if (isScalar(run) && String(run.value).includes('${{')) {
      report(run, 'a value becomes part of a script: pass it by `env`')
    }
    const name = isScalar(uses) ? String(uses.value) : ''
    if (name.startsWith('actions/checkout@')) {
      if (mapAt(step, 'with')?.get('persist-credentials') !== false) {
        report(uses, 'leaves the token to later steps: `persist-credentials: false`')
      }
    }
    const script = mapAt(step, 'with')?.get('script')
    if (typeof script === 'string' && script.includes('${{')) {
      report(uses, 'a value becomes part of a script: pass it by `env`')
    }
  }
}

/** A digest names one content of an action for good. Its version is in the comment, for people and updates. */
function checkAction(node: unknown, report: Report): void {
  const name = isScalar(node) ? String(node.value) : ''
  if (name.startsWith('./')) return
  if (name.startsWith('docker://')) {
    if (!/@sha256:[0-9a-f]{64}$/.test(name)) report(node, `\`${name}\` has no digest`)
    return
  }
  if (!/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(name)) {
    report(node, `\`${name}\` is not pinned to the digest of a commit`)
  } else if (!/^ v\d+\.\d+\.\d+$/.test((isScalar(node) ? node.comment : '') ?? '')) {
    report(node, `\`${name}\` has no comment with its version`)
  }
}

function triggersOf(root: YAMLMap): readonly string[] {
  const on = root.get('on', true)
  if (isMap(on)) return on.items.map(({ key }) => String(key))
  if (isSeq(on)) return on.items.map(String)
  return [String(on)]
}

function imagesOf(job: YAMLMap): readonly unknown[] {
  const container = job.get('container', true)
  const services = mapAt(job, 'services')?.items.map(({ value }) => value) ?? []
  return [container, ...services]
    .map((each) => (isMap(each) ? each.get('image', true) : each))
    .filter((each) => each !== undefined)
}

function stepsOf(parent: YAMLMap): readonly YAMLMap[] {
  const steps = parent.get('steps')
  return isSeq(steps) ? steps.items.filter((step) => isMap(step)) : []
}

function mapAt(parent: YAMLMap, key: string): YAMLMap | undefined {
  const value = parent.get(key)
  return isMap(value) ? value : undefined
}
