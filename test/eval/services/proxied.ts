import { talk } from '../clients.ts'
import type { Place } from '../service.ts'

/** A request through a forward proxy; one that the proxy refuses is answered too. */
export async function throughProxy(at: Place, port: number, url: string): Promise<void> {
  const { host } = new URL(url)
  const request = `GET ${url} HTTP/1.0\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  await talk(at, port, [[request, /^HTTP\/1\.\d \d{3} /]])
}

/** A tunnel, as for TLS: the proxy does not read its content. */
export async function tunnel(at: Place, port: number, target: string): Promise<void> {
  const request = `CONNECT ${target} HTTP/1.0\r\n\r\n`
  await talk(at, port, [[request, /^HTTP\/1\.\d \d{3} /], ['GET / HTTP/1.0\r\n\r\n']])
}
