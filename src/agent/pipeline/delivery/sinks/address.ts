import type { Address } from '../../../../support/net/server-access.ts'

/** `host:port`, as in a URL. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
