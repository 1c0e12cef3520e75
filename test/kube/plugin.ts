import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../../dist/interfaces/kubectl/main.js', import.meta.url))

export interface PluginResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** `kubectl snug`, as kubectl finds it: by the name of a program in the PATH. */
export class Plugin {
  readonly #kubeconfig: string
  readonly #folder = mkdtempSync('/tmp/snug-plugin-')

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig
    symlinkSync(built, join(this.#folder, 'kubectl-snug'))
  }

  run(args: readonly string[], kubeconfig = this.#kubeconfig): Promise<PluginResult> {
    const env = {
      ...process.env,
      PATH: `${this.#folder}:${process.env['PATH']}`,
      KUBECONFIG: kubeconfig,
    }
    return new Promise((resolve) => {
      execFile('kubectl', ['snug', ...args], { env }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr })
      })
    })
  }

  /** Fails where the plugin does not end with one of these codes. */
  async json<T>(args: readonly string[], ...codes: readonly number[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '-o', 'json'])
    if (![0, ...codes].includes(code))
      throw new Error(`kubectl snug ${args.join(' ')}: exit ${code}\n${stderr}`)
    return JSON.parse(stdout) as T
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
