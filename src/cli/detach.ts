import { detachAgent } from '../detach-agent.ts'
import type { LoadedConfig } from '../support/config/load-config.ts'
import type { CliContext } from './cli-context.ts'
import { printLine } from './cli-io.ts'
import { safeText } from '../support/safe-text.ts'

/** Removes the kernel state that the config names. Errors: `DETACH_REFUSED` */
export async function printDetached(loaded: LoadedConfig, context: CliContext): Promise<void> {
  printLine(context.io, `snug: ${safeText(await detachAgent(loaded))}`)
}
