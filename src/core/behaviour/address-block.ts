import ipaddr from 'ipaddr.js'
import { canonicalAddress } from '../event/canonical.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** A block of addresses, as an operator names peers: `10.0.0.0/8`. */
export interface AddressBlock {
  /** Canonical. */
  readonly cidr: string
  readonly address: Address
  readonly length: number
}

const MAPPED_BITS = 96

/** Undefined where the text is no block of addresses, as the path of a unix socket is none. */
export function parseBlock(peer: string): AddressBlock | undefined {
  const slash = peer.indexOf('/')
  const digits = peer.slice(slash + 1)
  if (slash <= 0 || !/^\d{1,3}$/.test(digits)) return undefined
  const asWritten = peer.slice(0, slash)
  const address = parseAddress(asWritten)
  if (address === undefined) return undefined
  const bits = address instanceof ipaddr.IPv4 ? 32 : 128
  // A v4-mapped address is the v4 one, here as everywhere.
  const length = Number(digits) - (bits === 32 && asWritten.includes(':') ? MAPPED_BITS : 0)
  if (length < 0 || length > bits) return undefined
  const network = masked(address, length)
  const spelt = network instanceof ipaddr.IPv6 ? network.toRFC5952String() : network.toString()
  return { cidr: `${spelt}/${length}`, address: network, length }
}

function masked(address: Address, length: number): Address {
  const bytes = address.toByteArray().map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - i * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
  return address instanceof ipaddr.IPv6 ? new ipaddr.IPv6(bytes) : new ipaddr.IPv4(bytes)
}

/** An address as {@link holds} takes it; undefined where the text is none. */
export function parseAddress(text: string): Address | undefined {
  const canonical = canonicalAddress(text)
  return canonical === undefined ? undefined : ipaddr.parse(canonical)
}

export function holds(block: AddressBlock, address: Address): boolean {
  if (block.address instanceof ipaddr.IPv4) {
    return address instanceof ipaddr.IPv4 && address.match(block.address, block.length)
  }
  return address instanceof ipaddr.IPv6 && address.match(block.address, block.length)
}

/** True where every address of `inner` is one of `outer`. */
export function within(inner: AddressBlock, outer: AddressBlock): boolean {
  return inner.length >= outer.length && holds(outer, inner.address)
}

/** True of a canonical address that no other container can reach, and of a block of such. */
export function isLoopback(address: string): boolean {
  // A DNS name may begin like an address.
  return /^(?:127(?:\.\d{1,3}){3}|::1)(?:\/\d{1,3})?$/.test(address)
}

export const everyIpv4: AddressBlock = {
  cidr: '0.0.0.0/0',
  address: ipaddr.IPv4.parse('0.0.0.0'),
  length: 0,
}

const mapped = ipaddr.IPv6.parse('::ffff:0:0')

/** True for a block of IPv6 that has the addresses to which those of IPv4 are mapped. */
export function surroundsIpv4({ address, length }: AddressBlock): boolean {
  return address instanceof ipaddr.IPv6 && length <= MAPPED_BITS && mapped.match(address, length)
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
