import { readFileSync, statSync } from 'node:fs'
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
} from 'yaml'
import { describeError, type ErrorCode, SnugError } from '../../errors.ts'

const maxBytes = 1_048_576

/** A YAML file with the line of each key. */
export interface YamlFile {
  readonly file: string
  readonly value: unknown
  /** 1-based line of the key at that path; of its nearest ancestor where there is none. */
  lineOf(path: readonly PropertyKey[]): number
}

export interface YamlCodes {
  readonly unreadable: ErrorCode
  readonly invalid: ErrorCode
}

/** Errors: `codes.unreadable`; `codes.invalid` with the line, also for duplicate keys and alias bombs. */
export function readYamlFile(file: string, codes: YamlCodes): YamlFile {
  return parseYaml(file, readText(file, codes), codes)
}

function readText(file: string, codes: YamlCodes): string {
  let text: string
  try {
    if (statSync(file).size > maxBytes) {
      throw new SnugError(codes.invalid, `\`${file}\` is larger than 1 MiB`)
    }
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof SnugError) throw error
    throw new SnugError(codes.unreadable, `cannot read \`${file}\`: ${describeError(error)}`)
  }
  return text
}

function parseYaml(file: string, text: string, codes: YamlCodes): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [problem] = document.errors
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0])
    throw new SnugError(codes.invalid, `\`${file}\` line ${line}: ${firstLine(problem.message)}`)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new SnugError(codes.invalid, `\`${file}\`: ${describeError(error)}`)
  }
  return { file, value, lineOf: (path) => lines.linePos(offsetOf(document, path)).line }
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
      if (!isPair(pair)) return offset
      offset = startOf(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step]
      offset = startOf(node) ?? offset
    } else {
      return offset
    }
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/:$/, '')
}
