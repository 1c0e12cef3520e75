import type { CliIo } from './cli-io.ts'
import { leastWidth } from './output/text-table.ts'

/** Runs the command of this process; its exit code is that of the process. */
export async function runProcess(
  run: (args: readonly string[], io: CliIo) => Promise<number>,
): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort())
  // `snug alert list | head -1`: the reader has seen enough.
  const unread = new AbortController()
  process.stdout.on('error', () => unread.abort())

  process.exitCode = await run(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    colour: process.stdout.isTTY && !process.env['NO_COLOR'],
    progress: process.stderr.isTTY,
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    width: process.stdout.isTTY ? Math.max(leastWidth, process.stdout.columns || 0) : Infinity,
    signal: AbortSignal.any([stop.signal, unread.signal]),
    ended: stop.signal,
  })
}
