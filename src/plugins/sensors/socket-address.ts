import { isIP } from 'node:net'
import type { Bag } from './json-fields.ts'

/**
 * The members of a connection to a socket address in the layout of the kernel; undefined for other families. The address
 * does not have the type of its socket.
 *
 * @param transport of an internet address
 */
export function socketAddress(bytes: Buffer, transport: string): Bag | undefined {
  if (bytes.length < 2) return undefined
  const family = bytes.readUInt16LE(0)
  if (family === 1 && bytes.length > 3) {
    const isAbstract = bytes[2] === 0
    const end = bytes.indexOf(0, 3)
    const name = bytes.toString('utf8', isAbstract ? 3 : 2, end === -1 ? bytes.length : end)
    return { protocol: 'unix', address: isAbstract ? `@${name}` : name, port: 0 }
  }
  if (family === 2 && bytes.length >= 8) {
    const address = [...bytes.subarray(4, 8)].join('.')
    return { protocol: transport, address, port: bytes.readUInt16BE(2) }
  }
  if (family === 10 && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(8 + 2 * n).toString(16))
    const address = groups.join(':')
    return isIP(address) === 6
      ? { protocol: transport, address, port: bytes.readUInt16BE(2) }
      : undefined
  }
  return undefined
}
