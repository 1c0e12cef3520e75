import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'

/**
 * By what names the client's certificate knows it, as `DNS:…` or `URI:spiffe://…`; none where it has no certificate that
 * one of the authorities signed. One without alternative names is an old one, and goes by its common name.
 */
export function peerNames({ socket }: IncomingMessage): readonly string[] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return []
  const { subject, subjectaltname } = socket.getPeerCertificate()
  if (subjectaltname !== undefined) return subjectaltname.split(', ')
  return typeof subject?.CN === 'string' ? [subject.CN] : []
}
