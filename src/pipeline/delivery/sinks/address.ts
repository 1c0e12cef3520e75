export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`, as in a URL. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
