import { afterAll, afterEach, describe, it } from 'vitest'
import * as suite from '../../src/agent/pipeline/sources/source-suite.ts'

export type { SourceUnderTest } from '../../src/agent/pipeline/sources/source-suite.ts'

/** The suite that authors of sources get, by this project's runner. */
export function sourceSuite(options: suite.SourceSuiteOptions): void {
  suite.sourceSuite(options, { describe, it, afterEach })
}

/** The same for a source that mostly waits: its tests run at once, each on its own source, and dispose of all at the end. */
export function concurrentSourceSuite(options: suite.SourceSuiteOptions): void {
  suite.sourceSuite(options, { describe: describe.concurrent, it, afterEach: afterAll })
}
