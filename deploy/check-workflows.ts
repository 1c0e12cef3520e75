import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { faultsOfWorkflow } from './workflow-faults.ts'

/** Reads every workflow and action of this repository: `npm run check:workflows` names the faults, and exits with 1. */
const root = fileURLToPath(new URL('..', import.meta.url))
const files = ['.github', 'deploy/ci/github'].flatMap((folder) =>
  readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?:^workflows\/[^/]+|(?:^|\/)action)\.ya?ml$/.test(name))
    .map((name) => `${folder}/${name}`),
)
for (const path of files.sort()) {
  for (const fault of faultsOfWorkflow(readFileSync(root + path, 'utf8'))) {
    process.stderr.write(`${path}:${fault}\n`)
    process.exitCode = 1
  }
}
