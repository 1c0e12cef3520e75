import { Container } from './container.ts'

export function hex(path: string | Uint8Array): string {
  return Buffer.from(path).toString('hex')
}

/** A container that performs one action for each line, see `acts.c`. */
export class Acts {
  readonly #container: Container

  constructor(image: string, id?: string, uid?: number, prepare?: (root: string) => void) {
    this.#container = new Container(image, 'acts', id, uid, undefined, prepare)
  }

  get id(): string {
    return this.#container.id
  }

  /** Its folder in the hierarchy of cgroups. */
  get cgroup(): string {
    return this.#container.cgroup
  }

  get ended(): Promise<readonly unknown[]> {
    return this.#container.ended
  }

  /** The result of each action: `0`, an errno, or `killed SIGNAL`. */
  async did(lines: readonly string[]): Promise<readonly string[]> {
    const printed = await this.#container.run([...lines, 'end'].join('\n'))
    return printed.split('\n').filter((line) => line !== '')
  }

  stop(): Promise<void> {
    return this.#container.stop()
  }
}
