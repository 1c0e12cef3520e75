import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ProseChecker } from '../../docs/prose/check-texts.ts'
import { faultsOfGlossary } from '../../docs/prose/glossary-page.ts'
import { placeOf, places, textFiles, type TextKind } from '../../docs/prose/places.ts'

const root = new URL('../../', import.meta.url).pathname
const glossary = readFileSync(`${root}docs/glossary.md`, 'utf8')
const checker = new ProseChecker(glossary)
const files = textFiles(root)
const long = `The sensor sends ${'one event and '.repeat(10)}a loss.`

const planted: Readonly<Record<TextKind, (text: string) => string>> = {
  markdown: (text) => `\n\n${text}\n`,
  yaml: (text) => `---\nplanted: ${text}\n`,
  source: (text) => `\nplant('${text}')\n`,
}

async function messages(path: string, text: string): Promise<readonly string[]> {
  return (await checker.faults({ path, text })).map(({ message }) => message)
}

describe.each(places)('the prose check on $name', (place) => {
  const [file] = files
    .filter(({ path }) => placeOf(path) === place)
    .sort((a, b) => a.text.length - b.text.length)

  test('finds a banned word, a long sentence and a clause as subject in a file', async () => {
    expect(file).toBeDefined()
    const { path, text } = file!
    const sentences = ['The sensor tells the agent.', long, 'What the sensor drops is counted.']
    const before = await messages(path, text)
    const after = await messages(path, text + sentences.map(planted[place.kind]).join(''))
    for (const fault of [/^banned: "tells"/, /^a sentence of 35 words/, /^a clause with "what"/]) {
      const count = (all: readonly string[]) => all.filter((each) => fault.test(each)).length
      expect(count(after), String(fault)).toBe(count(before) + 1)
    }
  })
})

describe('the prose check', () => {
  test('reads a text that the code puts together as one sentence', async () => {
    const half = 'the sensor sends one event and one loss and one event and one loss'
    const source = `export const text = '${half}' + \`\${name} ${half}\``
    expect(await messages('src/x.ts', source)).toEqual(['a sentence of 28 words: the limit is 25'])
  })

  test.each([
    ['a number', 'The limit of one ring is 4. '],
    ['apostrophes', "The sensor's ring is full. "],
    ['bold text', 'The ring is **full.** '],
    ['a link', 'The ring is [full](x.md). '],
  ])('takes a full stop after %s for the end of a sentence', async (_, sentence) => {
    expect(await messages('docs/x.md', sentence.repeat(3) + sentence.repeat(3))).not.toContainEqual(
      expect.stringMatching(/^a sentence/),
    )
  })

  test.each([
    '/** The same, with pauses. */',
    '/**\n * The same of an alert\n */',
    '// The same later',
  ])('wants a comment that names what it is about: %s', async (comment) => {
    expect(await messages('src/x.ts', `${comment}\nexport const x = 1\n`)).toEqual([
      'a comment that begins with `The same`: name what it is',
    ])
    expect(await messages('src/x.ts', `${comment.replace('The same', 'Equal')}\n`)).toEqual([])
  })

  test('reads the text of an element with the elements in it', async () => {
    const source = 'export const text = <p>The sensor <b>tells</b> the agent</p>'
    expect(await messages('src/page/x.tsx', source)).toHaveLength(1)
  })

  test.each([
    ['code in a page', 'docs/x.md', 'Run `snug tells`.\n\n```\nthe sensor tells\n```\n'],
    ['the target of a link', 'docs/x.md', 'See [the page](./what-he-said.md).\n'],
    ['an import', 'src/x.ts', "import { said } from './he said it.ts'\n"],
    ['a name of a class', 'src/page/x.tsx', 'export const x = <p class="told he">Ready</p>\n'],
    ['a script in the code', 'src/x.ts', 'export const x = `\necho he said\n`\n'],
    ['the keys of a table', 'src/x.ts', "export const x = { 'he said': 1 }\n"],
  ])('does not read %s', async (_, path, text) => {
    expect(await messages(path, text)).toEqual([])
  })

  test('wants lines of a page that wrap, but for tables and code', async () => {
    const wide = `The sensor ${'.'.repeat(90)} sends.`
    expect(await messages('docs/x.md', wide)).toEqual([
      `a line of ${wide.length} columns: the limit is 100`,
    ])
    expect(await messages('docs/x.md', `| a |\n|---|\n| ${wide} |\n`)).toEqual([])
    expect(await messages('docs/x.md', `\`\`\`\n${wide}\n\`\`\`\n`)).toEqual([])
  })

  test('finds a term of the glossary that the code does not have', () => {
    const sources = files.filter(({ path }) => path.startsWith('src/')).map(({ text }) => text)
    const page =
      '## Terms\n\n| term | meaning | code |\n|---|---|---|\n| loss | x | `NoSuchLoss` |\n'
    expect(faultsOfGlossary(page, sources)).toEqual([
      'docs/glossary.md: no `NoSuchLoss` in the code, named for loss',
    ])
  })
})
