import { isIP } from 'node:net'
import { SnugError } from '../../errors.ts'

/**
 * A web page can make a browser send requests to a name that its author points at 127.0.0.1 (DNS
 * rebinding). An address, `localhost` and the names of the configuration cannot be pointed elsewhere.
 *
 * Errors: FORBIDDEN.
 */
export function checkOrigin(
  host: string | undefined,
  origin: string | undefined,
  scheme: 'http' | 'https',
  names: ReadonlySet<string>,
): void {
  const name = hostName(host ?? '')
  if (isIP(name) === 0 && name !== 'localhost' && !names.has(name)) {
    throw new SnugError(
      'FORBIDDEN',
      'the host name of this request is not in `hosts` of the config',
    )
  }
  if (origin !== undefined && origin !== `${scheme}://${host}`) {
    throw new SnugError('FORBIDDEN', 'a page of another origin may not call this API')
  }
}

function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host)
  return (bracketed?.[1] ?? host.replace(/:\d+$/, '')).toLowerCase()
}
