import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { compile } from '../fixtures/compiled-program.ts'
import { unifiedHierarchy } from '../sensor/container.ts'

/** Files that each member opens: each one adds a separate entry in the kernel. */
const files = 200

/** Cgroups named as an engine names those of its containers, each with a process that opened its files. */
export class Crowd {
  readonly ids: string[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'snug-crowd-'))
  readonly #base = join(unifiedHierarchy(), `snug-bench-${randomBytes(4).toString('hex')}`)
  readonly #child: ChildProcessWithoutNullStreams
  #in = 0
  #waiting: () => void = () => undefined

  constructor() {
    mkdirSync(this.#base)
    const paths = Array.from({ length: files }, (_, i) => join(this.#folder, letters(i)))
    for (const path of paths) writeFileSync(path, 'x')
    this.#child = spawn(compile('bench/crowd.c'), paths)
    createInterface({ input: this.#child.stdout }).on('line', () => {
      this.#in += 1
      this.#waiting()
    })
  }

  /** More of them, until there are so many; resolves once each has opened its files. */
  async grow(count: number, assign: (id: string) => void): Promise<void> {
    while (this.ids.length < count) {
      const id = randomBytes(32).toString('hex')
      this.ids.push(id)
      assign(id)
      const cgroup = join(this.#base, id)
      mkdirSync(cgroup)
      this.#child.stdin.write(`${cgroup}\n`)
    }
    while (this.#in < count) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.stdin.end()
    await ended
    for (const id of this.ids) await removed(join(this.#base, id))
    await removed(this.#base)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The kernel lets go of the last process a little after it was reaped. */
async function removed(cgroup: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(cgroup)
      return
    } catch (error) {
      if (tries > 500) throw error
      await delay(10)
    }
  }
}

/** `0` → `aaa`, `1` → `aab`: names that nothing takes for a number. */
export function letters(n: number): string {
  return [676, 26, 1]
    .map((place) => String.fromCharCode(97 + (Math.floor(n / place) % 26)))
    .join('')
}
