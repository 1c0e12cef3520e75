import { literalPath } from '../behaviour/shape.ts'
import { type FilePlaceClass, isCallUse } from '../learning/file-use.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import type { PlaceJson } from './place-schema.ts'

function doing(of: FilePlaceClass): string {
  if (of === 'socket') return 'connect to unix sockets with new names in'
  if (isCallUse(of)) return `${of} with new names in`
  if (of === 'setattr') return 'change attributes of files with new names in'
  return `${of === 'own' ? 'create' : of} files with new names in`
}

/** Templates that a line names; all are in the view. */
const NAMED = 3

/**
 * A place in one line for people: `create files with new names in /var/lib/jobs/queue (97 names in 2 containers, the next is
 * new with 93 %): job-<up to 16 letters or digits>.in`.
 */
export function placeLine({ class: of, base, templates, why }: PlaceJson): string {
  if (of === 'connect' || of === 'listen') {
    const what = of === 'connect' ? 'connect to' : 'listen on'
    return `${what} ${base.replace(/ own$/, ' own address')}, ports of ${templates.join(', ')} (${why})`
  }
  if (of === 'name') return `connect to ${base}, with new names for the * (${why})`
  const named = templates.slice(0, NAMED).map((template) => templateText(template, base))
  const more = templates.length > NAMED ? ` and ${templates.length - NAMED} more` : ''
  const folder = base.length > 1 ? base.slice(0, -1) : base
  return `${doing(of)} ${literalPath(folder)} (${why}): ${named.join(' or ')}${more}`
}

/** A template with its tokens as text. */
function templateText(template: string, base: string): string {
  const text = template
    .split('\u0000')
    .map((path) => (path.startsWith(base) ? path.slice(base.length) : path))
    .join(' → ')
  return text.replace(
    /<([a-z]+)(?::(\d+))?>/g,
    (found, name, most) => tokenText(name, most) ?? found,
  )
}

/** A name has no more characters: that says nothing. */
function upTo(most: string): string {
  return Number(most) === ANY_LENGTH ? '' : `up to ${most} `
}

function tokenText(name: string, most: string): string | undefined {
  switch (name) {
    case 'lt':
      return '<'
    case 'uuid':
      return '<uuid>'
    case 'hex':
      return `<${most} hexadecimal digits>`
    case 'digits':
      return '<number>'
    case 'temp':
      return `<${most} letters, digits or _>`
    case 'fixed':
      return `<${most} letters or digits>`
    case 'alnum':
    case 'maybe':
      return `<${upTo(most)}letters or digits>`
    case 'slug':
      return `<${upTo(most)}letters, digits, - or _>`
    case 'free':
      return `<${upTo(most)}characters>`
    default:
      return undefined
  }
}
