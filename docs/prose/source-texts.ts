import { type JSXElement, type JSXFragment, type Node, parseSync, visitorKeys } from 'oxc-parser'
import { LineCounter, parseAllDocuments, visit } from 'yaml'

export interface SourceText {
  readonly text: string
  readonly line: number
}

/** What stands for a value in a text, so that it counts as one word. */
const value = 'X'
/** A program in a literal is no text. */
const code = /\b(?:const|let|function)\s[^]*\n/
/** Texts of these are names for machines. */
const notRead = /^(class|className|d|href|src|key|id|viewBox|points|transform|style|type)$/

/** Texts in TypeScript: string literals of more than one word, joined where the code joins them, and JSX text. */
export function textsOfSource(path: string, source: string): readonly SourceText[] {
  const { program, errors } = parseSync(path, source)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const lineOf = lineCounter(source)
  const texts: SourceText[] = []
  const add = (text: string, start: number): void => {
    if (code.test(text)) return
    const trimmed = text.replaceAll(/\s+/g, ' ').trim()
    if (/\p{L}{2,}\S* \S*\p{L}/u.test(trimmed)) texts.push({ text: trimmed, line: lineOf(start) })
  }
  const walk = (node: Node): void => {
    if (/^(Import|Export(All|Named)Declaration$|TS(?!As|Satisfies|NonNull))/.test(node.type)) {
      if (node.type === 'ExportNamedDeclaration' && node.declaration) walk(node.declaration)
      return
    }
    if (node.type === 'JSXAttribute' && isNotRead(node.name.name)) return
    if (isScript(node)) return children(node).forEach(walk)
    const text = textOf(node)
    if (text !== undefined) add(text, node.start)
    for (const child of text === undefined ? children(node) : nested(node)) walk(child)
  }
  walk(program as Node)
  return texts
}

/** The whole text that an expression or element gives; nothing for one that is no text. */
function textOf(node: Node): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node.type === 'JSXText') return node.value
  if (node.type === 'TemplateLiteral') {
    return node.quasis.map((quasi) => quasi.value.cooked ?? '').join(value)
  }
  if (node.type === 'BinaryExpression' && node.operator === '+') {
    const sides = [textOf(node.left as Node), textOf(node.right)]
    if (sides.every((side) => side === undefined)) return undefined
    return sides.map((side) => side ?? value).join('')
  }
  if (isElement(node)) {
    const hasText = node.children.some(
      (child) => child.type === 'JSXText' && /\S/.test(child.value),
    )
    return hasText ? node.children.map((child) => textOf(child) ?? value).join('') : undefined
  }
  return undefined
}

/** The parts of a text that are not text themselves, and may have texts in them. */
function nested(node: Node): readonly Node[] {
  if (node.type === 'TemplateLiteral') return node.expressions
  if (node.type === 'BinaryExpression') return [node.left as Node, node.right].flatMap(notText)
  if (!isElement(node)) return []
  const attributes = node.type === 'JSXElement' ? node.openingElement.attributes : []
  return [...attributes, ...(node.children as Node[]).flatMap(notText)]
}

function notText(node: Node): readonly Node[] {
  return textOf(node) === undefined ? [node] : nested(node)
}

/** A template of several lines is a program or a document for a machine: a sentence stands on one line. */
function isScript(node: Node): boolean {
  return (
    node.type === 'TemplateLiteral' && node.quasis.some((quasi) => quasi.value.raw.includes('\n'))
  )
}

function isNotRead(attribute: unknown): boolean {
  return typeof attribute === 'string' && notRead.test(attribute)
}

function isElement(node: Node): node is JSXElement | JSXFragment {
  return node.type === 'JSXElement' || node.type === 'JSXFragment'
}

function children(node: Node): readonly Node[] {
  const parts = node as unknown as Readonly<Record<string, Node | readonly (Node | null)[] | null>>
  return (visitorKeys[node.type] ?? [])
    .filter((key) => !(node.type === 'Property' && key === 'key'))
    .flatMap((key) => parts[key] ?? [])
    .filter((child): child is Node => child !== null)
}

/** Texts in YAML: values of more than one word, and comments, whose lines are one text. */
export function textsOfYaml(source: string): readonly SourceText[] {
  const lines = new LineCounter()
  const texts: SourceText[] = []
  for (const document of parseAllDocuments(source, { lineCounter: lines })) {
    visit(document, {
      Scalar(key, node) {
        if (key === 'key' || typeof node.value !== 'string') return
        if (/\p{L}{2,}\S* \S*\p{L}/u.test(node.value)) {
          texts.push({ text: node.value, line: lines.linePos(node.range?.[0] ?? 0).line })
        }
      },
    })
  }
  let block: string[] = []
  const rows = [...source.split('\n'), '']
  rows.forEach((row, index) => {
    const comment = /^\s*#\s?(.*)$/.exec(row)?.[1]
    if (comment !== undefined && /\p{L}/u.test(comment) && !/^(yaml-language|──)/.test(comment)) {
      block.push(comment)
    } else if (block.length > 0) {
      texts.push({ text: block.join(' '), line: index - block.length + 1 })
      block = []
    }
  })
  return texts
}

function lineCounter(source: string): (offset: number) => number {
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1
}
