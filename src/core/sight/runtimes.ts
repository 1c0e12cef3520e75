import { globs } from '../match/glob.ts'
import type { Blindness } from './blindness.ts'
import { knownRuntimes, type Serves } from './runtime-table.ts'

/** Names of further runtimes, as an operator configures them. */
export interface OwnRuntimes {
  readonly ownKernel: readonly string[]
  readonly hostKernel: readonly string[]
}

const plugin = /^io\.containerd\.(.+)\.v\d+$/
const shim = /^containerd-shim-(.+)-v\d+$/

/** `io.containerd.runsc.v1`, `/usr/bin/containerd-shim-runsc-v1` and `/opt/bin/runsc` are `runsc`. */
export function runtimeName(reported: string): string {
  const name = reported.slice(reported.lastIndexOf('/') + 1)
  return shim.exec(name)?.[1] ?? plugin.exec(name)?.[1] ?? name
}

/** Decides by the names that an engine reports whether the host's kernel sees what a container does. */
export class Runtimes {
  readonly #isOwn: (name: string) => boolean
  readonly #isHost: (name: string) => boolean

  constructor({ ownKernel, hostKernel }: OwnRuntimes) {
    const named = (serves: Serves): readonly string[] =>
      knownRuntimes.filter((known) => known.serves === serves).flatMap(({ names }) => names)
    // An operator knows a runtime of that name better than the table.
    const isSaidHost = globs(hostKernel)
    const isSaidOwn = globs(ownKernel)
    const isOwn = globs(named('own'))
    const isHost = globs(named('host'))
    this.#isOwn = (name) => isSaidOwn(name) || (isOwn(name) && !isSaidHost(name))
    this.#isHost = (name) => isSaidHost(name) || isHost(name)
  }

  /**
   * Undefined where the host's kernel runs the container's processes, and where no engine reports a runtime.
   *
   * @param reported the name of the runtime, then what that stands for: its program, and the file that this links to
   */
  blindness(reported: readonly string[] | undefined): Blindness | undefined {
    if (reported === undefined) return undefined
    const names = reported.map((each) => runtimeName(each))
    const own = names.find((name) => this.#isOwn(name))
    if (own !== undefined) return { why: 'own-kernel', runtime: own }
    const last = names.at(-1)
    if (last === undefined || this.#isHost(last)) return undefined
    return { why: 'unproven', runtime: last }
  }
}
