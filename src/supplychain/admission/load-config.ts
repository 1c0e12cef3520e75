import { readRules } from '../../support/config/load-rules.ts'
import { type AdmissionConfig, admissionOf, admissionSchema } from './policy-schema.ts'

/** Reads the config of the admission webhook. Errors: ADMISSION_INVALID, with file and line */
export function loadAdmission(file: string): AdmissionConfig {
  return Object.freeze(admissionOf(readRules(file, admissionSchema, 'ADMISSION_INVALID')))
}
