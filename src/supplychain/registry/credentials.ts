import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Credentials {
  /** `user:password` in base64. */
  readonly basic: string
}

/** Those that `docker login` left for that registry, where it keeps them in its file. */
export function dockerCredentials(
  host: string,
  folder: string = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'),
): Credentials | undefined {
  try {
    const file: unknown = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    const auths: unknown = Reflect.get(file as object, 'auths')
    const entry: unknown = Reflect.get(auths as object, host)
    const basic: unknown = Reflect.get(entry as object, 'auth')
    return typeof basic === 'string' && basic !== '' ? { basic } : undefined
  } catch {
    // None is kept there: most registries in a cluster ask for none to read.
    return undefined
  }
}
