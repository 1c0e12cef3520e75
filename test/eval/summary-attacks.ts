import { tactics, techniqueFits } from './attack.ts'
import type { AttackRow, ServiceResult } from './result.ts'
import { columns } from './split.ts'
import { markdownTable, share } from './text.ts'

/** Its effect did not occur, as inspected from outside. */
export function isStopped({ block }: AttackRow): boolean {
  return block?.happened === false
}

export function isMissed({ block }: AttackRow): boolean {
  return block?.happened === true
}

export function attackSection(results: readonly ServiceResult[]): string {
  const all = results.flatMap(({ column, attacks }) => attacks.map((row) => ({ ...row, column })))
  if (all.length === 0) return ''
  const working = all.filter(({ works }) => works)
  const rows = tactics.map((tactic) => {
    const here = working.filter((row) => row.tactic === tactic)
    const tried = here.filter(({ block }) => block !== undefined)
    return [
      tactic,
      ...columns.map((column) => {
        const some = here.filter((row) => row.column === column)
        return share(some.filter(({ named }) => named).length, some.length)
      }),
      share(tried.filter(isStopped).length, tried.length),
    ]
  })
  const names = [...new Set(working.map(({ name }) => name))]
  const each = names.map((name) => {
    const here = working.filter((row) => row.name === name)
    const tried = here.filter(({ block }) => block !== undefined)
    const [first] = here
    const named = share(here.filter((row) => row.named).length, here.length)
    return [
      name,
      first?.technique ?? '',
      named,
      share(tried.filter(isStopped).length, tried.length),
    ]
  })
  const rated = working.filter(({ id }) => id !== undefined)
  const ids = techniqueFits.map((fit) => {
    const count = rated.filter(({ id }) => id === fit).length
    return [fit, share(count, rated.length)]
  })
  const shut = results.filter(({ attacks }) => attacks.some(({ failure }) => failure !== undefined))
  return `## Attacks

An attacker runs code in a process of the service. From outside of the container, ptrace forks a child off it, and the child
makes the system calls. The attacks are the same for every service. An attack counts where its effect is there in a mode that alerts: ${working.length} of ${all.length}. The
kernel refused the others for want of rights.

*Named*: an alert names its object. *Stopped*: in block mode its effect is not there. That is checked from outside: in the
container's files, on the attacker's machine, in what the kernel gave.${shut.length === 0 ? '' : ` The door stayed shut at times for: ${shut.map(({ service }) => service).join(', ')}.`}

${markdownTable(['tactic', ...columns.map((column) => `named, ${column}`), 'stopped'], rows)}

${markdownTable(['attack', 'technique', 'named', 'stopped'], each)}${
  rated.length === 0
    ? ''
    : `

How the ids of the alerts agree with the technique of the attack (of ${rated.length}):

${markdownTable(['ids', 'attacks'], ids)}`
}`
}
