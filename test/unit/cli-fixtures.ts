import { PassThrough, Readable, Writable } from 'node:stream'
import type { CliIo } from '../../src/cli/cli-io.ts'
import { runCli } from '../../src/cli/run-cli.ts'

export interface CliRun {
  readonly exit: Promise<number>
  readonly stop: AbortController
  stdout(): string
  stderr(): string
  /** Resolves once `stdout` holds this text. */
  printed(text: string): Promise<void>
}

export interface CliOptions {
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  readonly colour?: boolean
  readonly progress?: boolean
}

/** The command line in this process, on streams of its own. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliRun {
  const waiting: { readonly text: string; readonly resolve: () => void }[] = []
  const texts = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString('utf8')
        if (name === 'stdout') {
          for (const { text, resolve } of waiting) if (texts.stdout.includes(text)) resolve()
        }
        done()
      },
    })
  const stop = new AbortController()
  const stdin = options.stdin === undefined ? new PassThrough() : Readable.from([options.stdin])
  const io: CliIo = {
    stdin,
    stdout: into('stdout'),
    stderr: into('stderr'),
    env: options.env ?? {},
    colour: options.colour ?? false,
    progress: options.progress ?? false,
    width: 80,
    signal: stop.signal,
    ended: stop.signal,
  }
  return {
    exit: runCli(args, io),
    stop,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    printed: (text) =>
      new Promise((resolve) => {
        if (texts.stdout.includes(text)) resolve()
        else waiting.push({ text, resolve })
      }),
  }
}

export interface CliResult {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const run = startCli(args, options)
  const exit = await run.exit
  return { exit, stdout: run.stdout(), stderr: run.stderr() }
}
