import { readFile } from 'node:fs/promises'
import type { SecretSource } from '../../../../support/net/server-access.ts'
import { SinkError } from './sink.ts'

export interface Credentials {
  readonly user: string
  readonly password: SecretSource
}

/** Errors: SINK_REFUSED if it cannot be read, or is empty. */
export async function readSecret({ file, env }: SecretSource): Promise<string> {
  const where = file === undefined ? `the variable \`${env}\`` : `\`${file}\``
  const text =
    file === undefined
      ? process.env[env ?? '']
      : await readFile(file, 'utf8').catch((error: unknown) => {
          throw new SinkError(`cannot read the secret in ${where}`, { cause: error })
        })
  const secret = text?.trim() ?? ''
  if (secret === '') throw new SinkError(`no secret is in ${where}`)
  return secret
}
