import { spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { SnugError } from '../errors.ts'
import type { CliIo } from './cli-io.ts'

/** An agent that only watches, keeps nothing, and never thinks that it has seen enough. */
export const watching = {
  data: 'none',
  listen: 'none',
  kernelState: 'none',
  sources: ['ebpf'],
  sinks: [] as string[],
  'learn.floor': '7d',
  'learn.ceiling': '30d',
  'log.level': 'warn',
}

/**
 * Runs a command while Snug watches.
 *
 * @param shown the name for messages
 *
 * Errors: COMMAND_FAILED, with how it ended
 */
export async function runCommand(
  [name = '', ...args]: readonly string[],
  { ended }: CliIo,
  stdio: StdioOptions = 'inherit',
  shown = name,
): Promise<void> {
  const child = spawn(name, args, { stdio })
  const stop = (): void => void child.kill('SIGTERM')
  ended.addEventListener('abort', stop, { once: true })
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (code === 0) return
    const how = signal === null ? `exit code ${code}` : `${signal} (${constants.signals[signal]})`
    throw new SnugError('COMMAND_FAILED', `\`${shown}\` exited with ${how}: no profile was written`)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('COMMAND_FAILED', `cannot run \`${shown}\``, { cause })
  } finally {
    ended.removeEventListener('abort', stop)
  }
}
