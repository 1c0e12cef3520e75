import ipaddr from 'ipaddr.js'

const SLASH = 47
const DOT = 46

/** True where {@link canonicalPath} would return the path itself: one pass, no allocation. */
export function isCanonicalPath(path: string): boolean {
  const length = path.length
  if (length === 0 || path.charCodeAt(0) !== SLASH) return false
  if (length === 1) return true
  let start = 1
  for (let i = 1; i <= length; i++) {
    if (i < length && path.charCodeAt(i) !== SLASH) continue
    const size = i - start
    if (size === 0) return false
    if (path.charCodeAt(start) === DOT) {
      if (size === 1) return false
      if (size === 2 && path.charCodeAt(start + 1) === DOT) return false
    }
    start = i + 1
  }
  return true
}

/**
 * An absolute path in its one spelling: no `//`, `.`, `..` or trailing slash. A path that the sensor had
 * to cut begins with `…` and stays as it is, and so does a name that is no path (`memfd:x`).
 */
export function canonicalPath(path: string): string {
  if (path.charCodeAt(0) !== SLASH || isCanonicalPath(path)) return path
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/**
 * The canonical name of a repository. A repository of Docker Hub has no host, and an official one no `library/`, as
 * people type it.
 */
export function canonicalRepository(name: string): string {
  const isHub = name.startsWith('docker.io/') || name.startsWith('index.docker.io/')
  const own = isHub ? name.slice(name.indexOf('/') + 1) : name
  return own.startsWith('library/') ? own.slice('library/'.length) : own
}

function isCanonicalIPv4(text: string): boolean {
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === DOT) {
      if (octet < 0) return false
      octet = -1
      dots += 1
    } else if (c >= 48 && c <= 57) {
      // A leading zero would make it octal for some readers.
      if (octet === 0) return false
      octet = octet < 0 ? c - 48 : octet * 10 + (c - 48)
      if (octet > 255) return false
    } else {
      return false
    }
  }
  return dots === 3 && octet >= 0
}

/**
 * An IP address in its one spelling: dotted IPv4 (also for v4-mapped IPv6), RFC 5952 IPv6 without zone.
 * Undefined where the text is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isCanonicalIPv4(text)) return text
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString()
  const zone = address.zoneId
  return zone === undefined || zone === null
    ? address.toRFC5952String()
    : new ipaddr.IPv6(address.parts).toRFC5952String()
}

/**
 * Whether the address means another host on every link (169.254.0.0/16, fe80::/10): no router passes it on, so it names
 * nobody beyond one network.
 */
export function isLinkLocal(canonical: string): boolean {
  return canonical.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(canonical)
}
