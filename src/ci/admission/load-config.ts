import { SnugError } from '../../errors.ts'
import { readRules } from '../../support/config/load-rules.ts'
import { namespacePattern } from '../../support/config/value-schema.ts'
import { type AdmissionConfig, admissionOf, admissionSchema } from './policy-schema.ts'

const variable = 'SNUG_NAMESPACE'

/**
 * Reads the config of the admission webhook.
 *
 * @param env its pod has no token that would name its namespace, so the manifest gives it as a variable
 *
 * Errors: ADMISSION_INVALID, with file and line, or for the variable
 */
export function loadAdmission(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): AdmissionConfig {
  const parsed = readRules(file, admissionSchema, 'ADMISSION_INVALID')
  return Object.freeze(admissionOf(parsed, ownNamespaces(env[variable])))
}

function ownNamespaces(name = ''): readonly string[] {
  if (name === '') return []
  if (namespacePattern.test(name)) return [name]
  throw new SnugError('ADMISSION_INVALID', `\`${variable}\` is not a namespace: \`${name}\``)
}
