/**
 * Characters that are invisible or change how others are read: controls, bidi, zero width, unassigned, other spaces.
 */
const unseen = /[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}|[^\S ]/u

export interface Piece {
  readonly text: string
  /** It replaces a character that cannot be shown itself. */
  readonly escaped: boolean
}

/** A string that a container chose, split so that every character of it is visible. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = []
  let plain = ''
  for (const character of text) {
    if (!unseen.test(character)) {
      plain += character
      continue
    }
    if (plain !== '') found.push({ text: plain, escaped: false })
    plain = ''
    found.push({ text: escapeOf(character), escaped: true })
  }
  if (plain !== '') found.push({ text: plain, escaped: false })
  return found
}

const named: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u001b': '\\e',
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return named[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`)
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}

/** The text with its control characters written out, for where only text will do, such as a title. */
export function escaped(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join('')
}

const numbers = new Intl.NumberFormat('en')

export function count(n: number): string {
  return numbers.format(n)
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** `3 B`, `1.5 MiB`: at most three digits. */
export function bytesText(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const rounded = Number((bytes / 1024 ** power).toPrecision(3))
  return `${count(rounded)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`
}

const percents = new Intl.NumberFormat('en', { style: 'percent', maximumSignificantDigits: 2 })

export function percent(share: number): string {
  return percents.format(share)
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** `3 min`, `2 h`: rounded down to its largest unit. */
export function span(ms: number): string {
  for (const [unit, size] of units) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`
  return 'a moment'
}

/** `2026-11-24 13:40:27`, in the reader's own zone. */
export function clock(time: string, withDate = true): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return ''
  const two = (n: number): string => String(n).padStart(2, '0')
  const hours = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  if (!withDate) return hours
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${hours}`
}

/** The name that people know a version by: its tags, or the beginning of its digest. */
export function versionName(tags: readonly string[], digest: string): string {
  return tags.length > 0 ? tags.join(', ') : shortDigest(digest)
}

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12)
}

interface ImageName {
  readonly repository: string
  readonly digest: string
  readonly scope?: string
}

/** `repository`, or `repository#scope`. */
export function lineageOf({ repository, scope }: Omit<ImageName, 'digest'>): string {
  return scope === undefined ? repository : `${repository}#${scope}`
}

/** `repository@digest`: the name of one version and no other. */
export function refOf({ image }: { readonly image: ImageName }): string {
  return `${lineageOf(image)}@${image.digest}`
}

/** `repository` and `digest` of `repository@digest`. */
export function splitRef(ref: string): { readonly repository: string; readonly digest: string } {
  const at = ref.indexOf('@')
  return at < 0
    ? { repository: ref, digest: '' }
    : { repository: ref.slice(0, at), digest: ref.slice(at + 1) }
}
