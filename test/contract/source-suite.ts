import { afterEach, describe, it } from 'vitest'
import * as suite from '../../src/pipeline/sources/source-suite.ts'

export type { SourceUnderTest } from '../../src/pipeline/sources/source-suite.ts'

/** The suite that authors of sources get, by this project's runner. */
export function sourceSuite(options: suite.SourceSuiteOptions): void {
  suite.sourceSuite(options, { describe, it, afterEach })
}
