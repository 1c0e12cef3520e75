import { createRequire } from 'node:module'
import {
  TextlintKernel,
  type TextlintKernelRule,
  type TextlintPluginCreator,
} from '@textlint/kernel'
import { bannedOfGlossary } from './glossary-page.ts'
import { placeOf, type TextFile } from './places.ts'
import { bannedTerms, lineLength, sentenceLength, whatAsSubject } from './rules.ts'
import { textsOfSource, textsOfYaml } from './source-texts.ts'

export interface ProseFault {
  readonly path: string
  readonly line: number
  readonly message: string
}

// A CommonJS module whose `default` loaders do not agree on.
const require = createRequire(import.meta.url)
const markdown: { default: TextlintPluginCreator } = require('@textlint/textlint-plugin-markdown')

const maxWords = 25
const maxColumns = 100

export class ProseChecker {
  readonly #kernel = new TextlintKernel()
  readonly #wording: readonly TextlintKernelRule[]
  readonly #columns: readonly TextlintKernelRule[] = [
    { ruleId: 'line-length', rule: lineLength(maxColumns) },
  ]

  constructor(glossary: string) {
    this.#wording = [
      { ruleId: 'banned-terms', rule: bannedTerms(bannedOfGlossary(glossary)) },
      { ruleId: 'sentence-length', rule: sentenceLength(maxWords) },
      { ruleId: 'what-as-subject', rule: whatAsSubject },
    ]
  }

  /** The faults of one file, in its order; none for a file that belongs to no place. */
  async faults({ path, text }: TextFile): Promise<readonly ProseFault[]> {
    const place = placeOf(path)
    if (place === undefined) return []
    if (place.kind === 'markdown') {
      const rules = place.wrapped === true ? [...this.#wording, ...this.#columns] : this.#wording
      return this.#lint(path, text, 1, rules)
    }
    const texts = place.kind === 'yaml' ? textsOfYaml(text) : textsOfSource(path, text)
    const found = place.kind === 'source' ? backReferences(path, text) : []
    for (const each of texts) {
      found.push(...(await this.#lint(path, each.text, each.line, this.#wording)))
    }
    return found
  }

  async #lint(
    path: string,
    text: string,
    firstLine: number,
    rules: readonly TextlintKernelRule[],
  ): Promise<readonly ProseFault[]> {
    const { messages } = await this.#kernel.lintText(text, {
      ext: '.md',
      filePath: path,
      plugins: [{ pluginId: 'markdown', plugin: markdown.default }],
      rules: [...rules],
    })
    return messages.map(({ loc, message }) => ({
      path,
      line: firstLine + loc.start.line - 1,
      message,
    }))
  }
}

const backReference = /^\s*(?:\/\*\*?|\/\/|\*) The same\b/

/** Comments that nobody understands without the one before. */
function backReferences(path: string, text: string): ProseFault[] {
  return text.split('\n').flatMap((row, at) => {
    if (!backReference.test(row)) return []
    return [
      { path, line: at + 1, message: 'a comment that begins with `The same`: name what it is' },
    ]
  })
}
