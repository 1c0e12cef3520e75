import type { Command } from 'commander'
import { defaultSocket, htmlFormat } from './program-options.ts'
import { AgentClient } from './agent-client.ts'
import type { CliIo } from './cli-io.ts'
import { type OutputFormat, printAnswer } from './output/output.ts'

/** The context of every command. */
export class CliContext {
  readonly io: CliIo
  /** 0 until a command sets another code. */
  exit: 0 | 1 | 2 | 3 | 64 = 0
  readonly #program: Command

  constructor(program: Command, io: CliIo) {
    this.#program = program
    this.io = io
  }

  get socket(): string {
    const { socket } = this.#program.opts<{ socket?: string }>()
    return socket ?? (this.io.env['SNUG_SOCKET'] || defaultSocket)
  }

  /** As given with `--socket`, and not worked out. */
  get socketFlag(): string | undefined {
    return this.#program.opts<{ socket?: string }>().socket
  }

  get client(): AgentClient {
    return new AgentClient(this.socket)
  }

  /** As given with `--output`. */
  get output(): OutputFormat | typeof htmlFormat | undefined {
    return this.#program.opts<{ output?: OutputFormat | typeof htmlFormat }>().output
  }

  format(otherwise: OutputFormat = 'table'): OutputFormat {
    const { output = otherwise } = this
    return output === htmlFormat ? otherwise : output
  }

  async print<Data>(data: Data, rows: readonly unknown[], table: () => string): Promise<void> {
    await printAnswer(this.io, this.format(), data, rows, table)
  }
}
