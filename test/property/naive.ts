import { microsOf } from '../../src/core/event/time.ts'
import type { BehaviourObject, BehaviourRef } from '../../src/core/behaviour/behaviour.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import type { WitnessesJson } from '../../src/core/behaviour/witness.ts'

/**
 * A second, plain implementation of the meaning of a profile: over the plain entries, from the
 * definition, with nothing compiled, indexed or kept.
 */
export function naive(entries: readonly ProfileEntry[], ref: BehaviourRef, now: number): boolean {
  const asked = decide(entries, ref, ref.object, now)
  if (asked !== undefined) return asked
  const { object } = ref
  if (object.kind === 'exec' && object.args !== undefined) {
    const { literal: _, ...rest } = ref
    const { args: __, ...any } = object
    return decide(entries, { ...rest, object: any }, any, now) === true
  }
  if (object.kind !== 'file') return false
  if (object.access === 'create') {
    return decide(entries, ref, { ...object, access: 'write' }, now) === true
  }
  if (object.access !== 'delete' || ref.fixed === true) return false
  const create = { ...ref, object: { ...object, access: 'create' } } as const
  return renamedAway(entries, ref, now) && naive(entries, create, now)
}

/** Whether a rename frees the name of the path, to any target. */
function renamedAway(entries: readonly ProfileEntry[], ref: BehaviourRef, now: number): boolean {
  const renames = entries.filter(
    ({ actor, uid, object }) =>
      same([actor, uid], [ref.actor, ref.uid]) &&
      object.kind === 'file' &&
      object.access === 'rename',
  )
  const rejected = (entry: ProfileEntry): boolean => entry.decision?.kind === 'rejected'
  const granted = (entry: ProfileEntry): boolean =>
    !rejected(entry) && grants(entry, ref.origin, now).length > 0
  const path = subjectOf(literal(ref.object, ref)) ?? ''
  const exact = renames.filter(({ object }) => {
    const plain = written(object)
    return plain?.kind === 'file' && plain.path === path
  })
  if (exact.some(rejected)) return false
  if (exact.some(granted)) return true
  const leaving = entries.filter(
    (entry) =>
      isPlace(entry) &&
      same([entry.actor, entry.uid], [ref.actor, ref.uid]) &&
      entry.object.kind === 'file' &&
      ((entry.object.access === 'create' && entry.place?.renames !== false) ||
        entry.object.access === 'rename'),
  )
  const folderHas = ({ object }: ProfileEntry): boolean =>
    object.kind === 'file' && new RegExp(`^(?:${templateOf(object.path)})$`, 'u').test(path)
  if (leaving.some((entry) => entry.decision?.kind === 'rejected' && folderHas(entry))) return false
  if (leaving.some((entry) => mayLeave(entry, ref.origin, path, now))) return true
  const shaped = renames.filter(
    (entry) => tokensOf(entry.object).length > 0 && !isPlace(entry) && entry.within === undefined,
  )
  if (
    shaped.some((one) => rejected(one) && takes(one.object, undefined, path, undefined, 'source'))
  ) {
    return false
  }
  return shaped.some(
    (one) =>
      granted(one) &&
      takes(
        one.object,
        joined(grants(one, ref.origin, now)),
        path,
        (place) => relatedShown(entries, one, place),
        'source',
      ),
  )
}

/** Whether a person rejected it. */
export function naivelyRefused(
  entries: readonly ProfileEntry[],
  ref: BehaviourRef,
  now: number,
): boolean {
  const asked = decide(entries, ref, ref.object, now)
  const { object } = ref
  if (asked !== undefined || object.kind !== 'file' || object.access !== 'create') {
    return asked === false
  }
  return decide(entries, ref, { ...object, access: 'write' }, now) === false
}

function decide(
  entries: readonly ProfileEntry[],
  ref: BehaviourRef,
  object: BehaviourObject,
  now: number,
): boolean | undefined {
  const mine = entries.filter(
    (entry) => same([entry.actor, entry.uid], [ref.actor, ref.uid]) && alike(entry.object, object),
  )
  const exact = mine.filter((entry) => same(written(entry.object), literal(object, ref)))
  if (exact.some((entry) => entry.decision?.kind === 'rejected')) return false
  if (exact.some((entry) => grants(entry, ref.origin, now).length > 0)) return true
  if (ref.fixed === true) return undefined
  const range = rangeSays(entries, ref, object, now)
  if (range !== undefined) return range
  const held = placeSays(entries, ref, object, now)
  const subject = object.kind === 'exec' ? ref.literal?.subject : subjectOf(literal(object, ref))
  if (subject === undefined) return undefined
  if (held === false) return false
  const shaped = mine.filter(
    (entry) => tokensOf(entry.object).length > 0 && !isPlace(entry) && entry.within === undefined,
  )
  const [rejected, others] = [
    shaped.filter((entry) => entry.decision?.kind === 'rejected'),
    shaped.filter((entry) => entry.decision?.kind !== 'rejected'),
  ]
  if (rejected.some((entry) => takes(entry.object, undefined, subject))) return false
  const taken = others.some((entry) => {
    const granted = grants(entry, ref.origin, now)
    const related = (place: number): number => relatedShown(entries, entry, place)
    return granted.length > 0 && takes(entry.object, joined(granted), subject, related)
  })
  return taken || held === true ? true : undefined
}

/** The answer of the range of ports that a listener's port may be drawn from. */
function rangeSays(
  entries: readonly ProfileEntry[],
  ref: BehaviourRef,
  object: BehaviourObject,
  now: number,
): boolean | undefined {
  if (object.kind !== 'listen' || object.port < 1024) return undefined
  const entry = entries.find(
    ({ actor, uid, object: other }) =>
      same([actor, uid], [ref.actor, ref.uid]) &&
      other.kind === 'listen' &&
      other.drawn === true &&
      same([other.protocol, other.address], [object.protocol, object.address]),
  )
  if (entry === undefined) return undefined
  if (entry.decision?.kind === 'rejected') return false
  const ends = templatesFor(entry, ref.origin, now).flatMap((range) => range.split('-').map(Number))
  return object.port >= Math.min(...ends) && object.port <= Math.max(...ends) ? true : undefined
}

const isPlace = ({ object }: ProfileEntry): boolean => {
  if (object.kind === 'connect') return isSockets(object)
  if (object.kind === 'syscall') return object.target?.includes('<name>') === true
  return object.kind === 'file' && `${object.path}${object.to ?? ''}`.includes('<name>')
}

const isSockets = (object: BehaviourObject): boolean =>
  object.kind === 'connect' && object.protocol === 'unix' && object.drawn === true

/** What the right to create in a place implies. */
const implied: readonly string[] = ['create', 'write', 'read', 'delete', 'rename', 'setattr']

/** The answer of places for an event: false where a person rejected a place that may contain it. */
function placeSays(
  entries: readonly ProfileEntry[],
  ref: BehaviourRef,
  object: BehaviourObject,
  now: number,
): boolean | undefined {
  const subject = subjectOf(literal(object, ref)) ?? ''
  if (object.kind === 'exec' || subject === '') return undefined
  const [path = '', to] = subject.split('\u0000')
  const about = entries.filter((entry) => {
    if (!isPlace(entry) || !same([entry.actor, entry.uid], [ref.actor, ref.uid])) return false
    if (object.kind !== 'file') return alike(entry.object, object)
    if (entry.object.kind !== 'file') return false
    if (entry.object.access === object.access) return true
    if (object.access === 'rename' && entry.place?.renames === false) return false
    return entry.object.access === 'create' && implied.includes(object.access)
  })
  const inFolder = ({ object: place }: ProfileEntry): boolean => {
    const folder = (shape: string): RegExp => new RegExp(`^(?:${templateOf(shape)})$`, 'u')
    const [from = '', onto = from] = (subjectOf(place) ?? '').split('\u0000')
    return folder(from).test(path) && (to === undefined || folder(onto).test(to))
  }
  if (about.some((entry) => entry.decision?.kind === 'rejected' && inFolder(entry))) return false
  const taken = about.some(
    (entry) => entry.decision?.kind !== 'rejected' && placeTakes(entry, ref.origin, subject, now),
  )
  return taken ? true : undefined
}

/** Templates that a place has for an origin. */
function templatesFor(entry: ProfileEntry, origin: string, now: number): readonly string[] {
  const learnedHere = entry.place?.origins.some((one) => one === origin) === true
  return [
    ...(learnedHere ? (entry.place?.templates ?? []) : []),
    ...grants({ ...entry, cells: [] }, origin, now).flatMap((one) => one?.literals ?? []),
  ]
}

function placeTakes(entry: ProfileEntry, origin: string, subject: string, now: number): boolean {
  const templates = templatesFor(entry, origin, now)
  const whole = (path: string): boolean =>
    templates.some((template) => new RegExp(`^(?:${templateOf(template)})$`, 'u').test(path))
  if (whole(subject)) return true
  const isOwn = entry.object.kind === 'file' && entry.object.access === 'create'
  return isOwn && subject.includes('\u0000') && subject.split('\u0000').every(whole)
}

/** Whether a place allows a rename of the name, to any target. */
function mayLeave(entry: ProfileEntry, origin: string, path: string, now: number): boolean {
  if (entry.decision?.kind === 'rejected') return false
  return templatesFor(entry, origin, now).some((template) => {
    const [source = ''] = template.split('\u0000')
    return new RegExp(`^(?:${templateOf(source)})$`, 'u').test(path)
  })
}

/** Of names that may be as long as any, all that is not ASCII as well, and bytes that are no text. */
function lettersOf(ascii: string, size: string): string {
  if (Number(size) < 255) return `[${ascii}]`
  return `(?:[${ascii}\\u{80}-\\u{10ffff}]|\\\\x[89a-f][0-9a-f])`
}

const templateTypes: Readonly<Record<string, (size: string) => string>> = {
  uuid: () => typeOf('uuid', 0),
  hex: (size) => typeOf('hex', Number(size)),
  name: () => '[^/\\u0000]+',
  date: () => typeOf('date', 0),
  temp: (size) => typeOf('temp', Number(size)),
  alnum: (size) => `${lettersOf('A-Za-z0-9', size)}{1,${size}}`,
  fixed: (size) => `[A-Za-z0-9]{${size}}`,
  maybe: (size) => `${lettersOf('A-Za-z0-9', size)}{0,${size}}`,
  digits: (size) => `[0-9]{1,${size}}`,
  slug: (size) => `${lettersOf('A-Za-z0-9_\\-', size)}{1,${size}}`,
  free: (size) =>
    `${lettersOf('A-Za-z0-9', size)}${lettersOf(' -.0-;=-\\[\\^-~', size)}{0,${Number(size) - 1}}`,
  lt: () => '<',
}

function templateOf(template: string): string {
  let source = ''
  let at = 0
  for (const found of template.matchAll(token)) {
    source += escaped(template.slice(at, found.index))
    source += templateTypes[found[1] ?? '']?.(found[2] ?? '') ?? '(?!)'
    at = found.index + found[0].length
  }
  return source + escaped(template.slice(at))
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

function alike(a: BehaviourObject, b: BehaviourObject): boolean {
  if (a.kind === 'file') return b.kind === 'file' && a.access === b.access
  if (a.kind === 'exec') return b.kind === 'exec' && same({ ...a, args: 0 }, { ...b, args: 0 })
  if (a.kind === 'syscall') return b.kind === 'syscall' && a.name === b.name
  return a.kind === b.kind
}

/** The entry's object with its literal paths; undefined where a path has tokens. */
function written(object: BehaviourObject): BehaviourObject | undefined {
  if (tokensOf(object).length > 0) return undefined
  const plain = (path: string): string => path.replaceAll('<lt>', '<')
  if (object.kind === 'syscall' && object.target !== undefined) {
    return { ...object, target: plain(object.target) }
  }
  if (object.kind !== 'file') return object
  const path = plain(object.path)
  return object.to === undefined ? { ...object, path } : { ...object, path, to: plain(object.to) }
}

/** The event without generalisation. */
function literal(object: BehaviourObject, ref: BehaviourRef): BehaviourObject | undefined {
  if (ref.literal === undefined) return written(object)
  if (object.kind === 'exec') return { ...object, args: ref.literal.text }
  const [path = '', to] = (ref.literal.subject ?? ref.literal.text).split('\u0000')
  if (object.kind === 'syscall') return { ...object, target: path }
  return object.kind === 'file' ? { ...object, path, ...(to === undefined ? {} : { to }) } : object
}

function subjectOf(object: BehaviourObject | undefined): string | undefined {
  if (object?.kind === 'syscall') return object.target
  if (object?.kind === 'exec') return object.args
  if (object?.kind === 'connect') {
    return object.protocol === 'unix' && object.peer.startsWith('/') ? object.peer : undefined
  }
  if (object?.kind !== 'file') return undefined
  return object.to === undefined ? object.path : `${object.path}\u0000${object.to}`
}

const token = /<([a-z]+)(?::(\d+))?>/g

function tokensOf(object: BehaviourObject): readonly string[] {
  // The path of a single socket is in no language.
  if (object.kind === 'connect' && !isSockets(object)) return []
  return [...(subjectOf(object) ?? '').matchAll(token)].map(([, name = '']) => name).filter(isType)
}

const isType = (name: string): boolean => name !== 'lt'
const needsWitnesses = (name: string): boolean =>
  !['lt', 'pid', 'fd', 'num', 'volume', 'argument', 'folder', 'rest'].includes(name)

function grants(
  entry: ProfileEntry,
  origin: string,
  now: number,
): readonly (WitnessesJson | undefined)[] {
  const cells = entry.cells.filter(grantsByItself)
  const { decision, uid } = entry
  const stands =
    decision?.kind === 'approved' &&
    (decision.onlyUid === undefined || uid === 'declared' || decision.onlyUid === uid) &&
    (decision.until === undefined || now < microsOf(decision.until))
  return [...cells, ...(entry.inherited?.grants ?? []), ...(stands ? decision.grants : [])]
    .filter((grant) => grant.origin === origin)
    .map((grant) => grant.witnesses)
}

/** Distinct values of the same actor in that place of a name, over all kinds of access. */
function relatedShown(entries: readonly ProfileEntry[], one: ProfileEntry, place: number): number {
  const asked = placesOf(one)[place]
  if (asked === undefined) return 0
  const values = entries
    .filter((other) => other.decision?.kind !== 'rejected')
    .filter((other) => same([other.actor, other.uid], [one.actor, one.uid]))
    .flatMap((other) => {
      const shown = [...other.cells.filter(grantsByItself), ...(other.inherited?.grants ?? [])]
      return placesOf(other).flatMap((own, i) =>
        same(own, asked) ? shown.flatMap(({ witnesses }) => witnesses?.places[i] ?? []) : [],
      )
    })
  return new Set(values).size
}

/** Of each place of a file's name, or of both names of a rename: which name it is in, and the how many-th there. */
function placesOf({ object }: ProfileEntry): readonly { readonly path: string; nth: number }[] {
  if (object.kind !== 'file') return []
  const of = (path: string): { path: string; nth: number }[] =>
    [...path.matchAll(token)]
      .filter(([, name = '']) => needsWitnesses(name))
      .slice(0, 3)
      .map((_, nth) => ({ path, nth }))
  const places = [object.path, ...(object.to === undefined ? [] : [object.to])].flatMap(of)
  return places.length > 3 ? [] : places
}

const grantsByItself = (cell: ProfileEntry['cells'][number]): boolean =>
  cell.phase === 'learned' && cell.origin !== 'exec-in' && cell.guardrails === undefined

function joined(all: readonly (WitnessesJson | undefined)[]): WitnessesJson {
  const places: string[][] = []
  for (const one of all) {
    for (const [i, values] of (one?.places ?? []).entries()) (places[i] ??= []).push(...values)
  }
  return {
    literals: [...new Set(all.flatMap((one) => one?.literals ?? []))],
    places: places.map((values) => [...new Set(values)]),
  }
}

const digits = '(?:[01]\\d|2[0-3])'
const clock = ['', '-', ':', '_'].map((by) => `${digits}${by}[0-5]\\d${by}[0-5]\\d`).join('|')
const day = ['', '-', '_']
  .map((by) => `(?:19|20)\\d\\d${by}(?:0[1-9]|1[0-2])${by}(?:0[1-9]|[12]\\d|3[01])`)
  .join('|')

function tempOf(size: number): string {
  if (size === 8) return '[a-z0-9_]{8}'
  return size === 11 ? '(?:[A-Za-z0-9]{11}|tmp[a-z0-9_]{8})' : `[A-Za-z0-9]{${size}}`
}

function typeOf(name: string, size: number): string {
  const types: Record<string, string> = {
    uuid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
    hex: `(?:[0-9a-f]{${size}}|[0-9A-F]{${size}})`,
    temp: tempOf(size),
    int: '[0-9]{1,15}',
    long: '[0-9]{1,20}',
    pid: '[0-9]+',
    argument: '[^\\u0000]*',
    folder: '(?:-?|[^\\u0000]*/)',
    rest: '(?:[^]*\\u0000)?',
    fd: '[0-9]+',
    num: '[0-9]+',
    date: `(?:${day})(?:[T_-]?(?:${clock})(?:[.,]\\d{1,9})?Z?)?`,
    time: `${digits}:[0-5]\\d:[0-5]\\d`,
    volume: '\\.\\.\\d{4}(?:_\\d\\d){5}\\.\\d{1,10}',
  }
  return types[name] ?? '(?!)'
}

const escaped = (text: string): string =>
  text.replace(/[^A-Za-z0-9]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)

/** Whether the pattern takes the path; with no witnesses given: every place open. */
function takes(
  object: BehaviourObject,
  seen: WitnessesJson | undefined,
  subject: string,
  related: (place: number) => number = () => 0,
  part: 'whole' | 'source' = 'whole',
): boolean {
  const shape = subjectOf(object) ?? ''
  const places = Math.min(3, tokensOf(object).filter(needsWitnesses).length)
  const open = Array.from(
    { length: places },
    (_, i) => seen === undefined || (seen.places[i]?.length ?? 0) >= 3 || related(i) >= 3,
  )
  const shown = seen?.literals.map((one) => one.replace(' → ', '\u0000')) ?? []
  if (shown.some((one) => (part === 'whole' ? one : one.split('\u0000')[0]) === subject))
    return true
  // For arguments a witness is itself a pattern: other arguments may follow the identifying ones.
  if (shape.startsWith('\u0000')) {
    const witnesses = seen?.literals ?? []
    if (
      witnesses.some((one) =>
        new RegExp(`^(?:${expression(one, undefined, [], [])})$`, 'u').test(subject),
      )
    )
      return true
  }
  const crosses = open.length === 0 || open.includes(true) || (seen?.literals.length ?? 0) >= 8
  if (!crosses) return false
  const last = open[places - 1] === false ? (seen?.places[places - 1] ?? []) : ['']
  return last.some((tuple) => {
    const source = expression(shape, seen, open, tuple.split('\u0000'))
    return new RegExp(`^(?:${part === 'whole' ? source : source.split('\\u{0}')[0]})$`, 'u').test(
      subject,
    )
  })
}

function expression(
  shape: string,
  seen: WitnessesJson | undefined,
  open: readonly boolean[],
  tuple: readonly string[],
): string {
  let source = ''
  let at = 0
  let place = 0
  for (const found of shape.matchAll(token)) {
    const [whole, name = '', size] = found
    source += escaped(shape.slice(at, found.index))
    at = found.index + whole.length
    if (name === 'lt') source += '<'
    else if (!needsWitnesses(name)) source += typeOf(name, Number(size))
    else {
      const mine = Math.min(place, open.length - 1)
      if (open[mine] === true) source += typeOf(name, Number(size))
      else if (mine === open.length - 1) source += escaped(tuple[place - mine] ?? '')
      else source += `(?:${(seen?.places[mine] ?? []).map(escaped).join('|')})`
      place += 1
    }
  }
  return source + escaped(shape.slice(at))
}
