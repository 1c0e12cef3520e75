export interface Address {
  readonly host: string
  readonly port: number
}

/** PEM files. */
export interface TlsFiles {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Source of a secret, read at each use. No configuration contains the secret itself. */
export interface SecretSource {
  readonly file?: string | undefined
  readonly env?: string | undefined
}
