import { SnugError } from '../../errors.ts'

/**
 * What names a job in the environment of each CI, from the whole to the step. The first variable is there in every run;
 * others may be absent.
 */
const namedBy = [
  // https://docs.github.com/actions/reference/workflows-and-actions/variables
  ['GITHUB_REPOSITORY', 'GITHUB_WORKFLOW', 'GITHUB_JOB', 'GITHUB_ACTION'],
  // https://docs.gitlab.com/ci/variables/predefined_variables/
  ['CI_PROJECT_PATH', 'CI_JOB_STAGE', 'CI_JOB_NAME'],
  // https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
  ['JOB_NAME', 'STAGE_NAME'],
] as const

/** Errors: JOB_UNKNOWN */
export function jobName(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  otherwise?: string,
): string {
  const found = given ?? nameIn(env) ?? otherwise
  if (found !== undefined && found !== '') return found
  throw new SnugError('JOB_UNKNOWN', 'no variable of a CI names this job')
}

function nameIn(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const names = namedBy.find(([first]) => Boolean(env[first]))
  return names?.flatMap((name) => env[name] || []).join('/')
}
