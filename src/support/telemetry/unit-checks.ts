import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DoctorCheck } from '../../api/status-views.ts'
import { globs } from '../../core/match/glob.ts'
import { unitFolders } from '../unit-folders.ts'

const namesShown = 5

/**
 * For each glob of the key `units`, which units of it run, or why there is none. `hierarchy`: where cgroup v2 is
 * mounted; `root`: of the host.
 */
export async function unitChecks(
  patterns: readonly string[],
  hierarchy: string | undefined,
  root: string,
): Promise<readonly DoctorCheck[]> {
  if (patterns.length === 0) return []
  const running = hierarchy === undefined ? [] : await runningBelow(hierarchy)
  const installed = (
    await Promise.all(unitFolders.map((folder) => namesIn(`${root}${folder}`)))
  ).flat()
  return patterns.map((pattern) => {
    const matches = globs([pattern])
    const runs = [...new Set(running.filter(matches))].sort()
    const found = `\`${pattern}\`: ${runs.length} running${runs.length > 0 ? `, ${listed(runs)}` : ''}`
    if (runs.length > 0) return { name: 'units', ok: true, found }
    return { name: 'units', ok: false, found, advice: whyNone(pattern, installed) }
  })
}

function whyNone(pattern: string, installed: readonly string[]): string {
  const files = [...new Set(installed)]
  const matches = globs([pattern])
  const own = files.filter((name) => !name.endsWith('@.service') && matches(name)).sort()
  if (own.length > 0) return `${listed(own)} is installed and does not run: systemctl start it`
  const template = pattern.replace(/@.*/, '@.service')
  if (pattern.includes('@') && files.includes(template))
    return `\`${template}\` is installed, and no instance of it runs`
  const longer = files.filter(globs([`${pattern}.service`])).sort()
  if (longer.length > 0) return `a glob matches the whole name: write \`${pattern}.service\``
  return 'no service of that name is installed: systemctl list-units --type=service has the names'
}

function listed(names: readonly string[]): string {
  const more = names.length - namesShown
  const shown = names.slice(0, namesShown).join(', ')
  return more > 0 ? `${shown} and ${more} others` : shown
}

/** Only slices lie above a unit: what is below it, its processes may have named. */
async function runningBelow(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder)
  const slices = names.filter((name) => name.endsWith('.slice'))
  const below = await Promise.all(slices.map((slice) => runningBelow(join(folder, slice))))
  return [...names.filter((name) => name.endsWith('.service')), ...below.flat()]
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}
