import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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

  /** Runs busybox by each of these names as `docker exec` does: in the container's namespaces, then in its cgroup. */
  execIn(programs: readonly string[]): void {
    const { pid } = this
    const session = '/bin/busybox ln /bin/busybox $0; echo 0 >&9; exec 9>&-; exec $0 true'
    const enter = `nsenter -t ${pid} -m -p -n /bin/busybox sh -c '${session}' $each`
    const all = `exec 9>${this.cgroup}/cgroup.procs; for each in "$@"; do ${enter}; done`
    // It may be killed.
    spawnSync('sh', ['-c', all, 'sh', ...programs], { stdio: 'ignore' })
  }

  /** Process id of its first program, as the host counts. */
  get pid(): string {
    const [pid = ''] = readFileSync(`${this.cgroup}/cgroup.procs`, 'utf8').split('\n')
    return pid
  }

  stop(): Promise<void> {
    return this.#container.stop()
  }
}
