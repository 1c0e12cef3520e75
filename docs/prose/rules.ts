import type { TextlintRuleModule } from '@textlint/kernel'
import { split } from 'sentence-splitter'

type Reporter = ReturnType<Extract<TextlintRuleModule, (...args: never[]) => unknown>>
type Context = Parameters<Extract<TextlintRuleModule, (...args: never[]) => unknown>>[0]
type Paragraph = Parameters<NonNullable<Reporter['Paragraph']>>[0]
type Cell = Parameters<NonNullable<Reporter['TableCell']>>[0]
type Header = Parameters<NonNullable<Reporter['Header']>>[0]
type Page = Parameters<NonNullable<Reporter['Document']>>[0]
type Block = Paragraph | Cell | Header
type Inline = Block | Block['children'][number]

export interface BannedTerm {
  readonly term: string
  readonly use: string
}

/** Words that the glossary does not allow. Code is no prose: what stands in it is not looked at. */
export function bannedTerms(terms: readonly BannedTerm[]): TextlintRuleModule {
  const uses = new Map(terms.map(({ term, use }) => [term.toLowerCase(), use]))
  const alternatives = [...uses.keys()]
    .sort((a, b) => b.length - a.length)
    .map((term) => term.replaceAll(' ', '\\s+'))
  const pattern = new RegExp(
    `(?<![\\p{L}\\p{N}-])(?:${alternatives.join('|')})(?![\\p{L}\\p{N}-])`,
    'giu',
  )
  return (context) => {
    const look = (node: Block): void => {
      const prose = proseOf(node)
      for (const match of prose.matchAll(pattern)) {
        const use = uses.get(match[0].toLowerCase().replaceAll(/\s+/g, ' ')) ?? ''
        report(context, node, match.index, `banned: "${match[0]}"; use ${use}`)
      }
    }
    return { Paragraph: look, TableCell: look, Header: look }
  }
}

/** One idea a sentence: a sentence has at most `limit` words, and a piece of code counts as one. */
export function sentenceLength(limit: number): TextlintRuleModule {
  return (context) => {
    const look = (node: Block): void => {
      for (const { text, start } of sentences(node)) {
        const words = text.match(/[\p{L}\p{N}]\S*/gu)?.length ?? 0
        if (words > limit) {
          report(context, node, start, `a sentence of ${words} words: the limit is ${limit}`)
        }
      }
    }
    return { Paragraph: look, TableCell: look }
  }
}

/** "What the sensor misses is counted" hides who acts: only a question starts with "What". */
export const whatAsSubject: TextlintRuleModule = (context) => {
  const look = (node: Block): void => {
    for (const { text, start } of sentences(node)) {
      if (/^What\b/.test(text) && /[.:;]$/.test(text.trim())) {
        report(
          context,
          node,
          start,
          'a clause with "what" as subject: name the component that acts',
        )
      }
    }
  }
  return { Paragraph: look, TableCell: look }
}

/** Lines of pages wrap. Tables, code and a single long link cannot. */
export function lineLength(limit: number): TextlintRuleModule {
  return (context) => ({
    Document(node) {
      let fenced = false
      let start = 0
      for (const line of node.raw.split('\n')) {
        if (/^\s*(```|~~~)/.test(line)) fenced = !fenced
        const wraps = !fenced && !/^\s*\|/.test(line) && /\S\s+\S/.test(line.replace(/^\W+/, ''))
        if (wraps && columns(line) > limit && !/^!?\[[^\]]*\]\(\S*\)\W*$/.test(line)) {
          report(context, node, start, `a line of ${columns(line)} columns: the limit is ${limit}`)
        }
        start += line.length + 1
      }
    },
  })
}

interface Sentence {
  readonly text: string
  readonly start: number
}

function sentences(node: Block): readonly Sentence[] {
  const prose = proseOf(node)
  return split(prose)
    .filter(({ type }) => type === 'Sentence')
    .map(({ raw, range }) => ({ text: raw, start: range[0] }))
}

/** The text of a block at its places: code is one long token; marks and targets of links are spaces. */
function proseOf(node: Block): string {
  // To the splitter an apostrophe opens a quotation, and a number with a full stop belongs to a list: neither ends.
  const chars = node.raw
    .replaceAll(/[\n\u00a0]/g, ' ')
    .replaceAll(/(?<=\p{L})['’](?=\p{L})/gu, '_')
    .replaceAll(/\d(?=\.\s+\p{Lu})/gu, 'x')
    .split('')
  const base = node.range[0]
  const fill = (from: number, to: number, char: string): void => {
    chars.fill(char, from - base, to - base)
  }
  const visit = (inline: Inline): void => {
    if (inline.type === 'Code' || inline.type === 'Html') fill(...inline.range, 'x')
    if (inline.type === 'Image') fill(...inline.range, ' ')
    if (!('children' in inline)) return
    const [from, to] = inline.range
    fill(from, inline.children[0]?.range[0] ?? to, ' ')
    fill(inline.children.at(-1)?.range[1] ?? from, to, ' ')
    for (const child of inline.children) visit(child)
  }
  for (const child of node.children) visit(child)
  return chars.join('')
}

function report(context: Context, node: Block | Page, index: number, message: string): void {
  const { RuleError, locator } = context
  context.report(node, new RuleError(message, { padding: locator.at(index) }))
}

function columns(line: string): number {
  return Array.from(line).length
}
