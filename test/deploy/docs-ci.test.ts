import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { documentedProgram as program } from '../../docs/cli-page.ts'

const textOf = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const page = textOf('ci.md')
const jobs = textOf('ci-jobs.md')
const blocks = [...page.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, kind, text = '']) => ({
  kind,
  text,
}))

/** The commands of `snug`, with continued lines joined. */
function commandsIn(text: string): readonly string[] {
  const joined = text.replaceAll(/\\\n\s*/g, ' ')
  return [...joined.matchAll(/\bsnug ((?:record|gate|scan|attest|verify|profile)\b[^'`\n]*)/g)].map(
    ([, line = '']) => line,
  )
}

function found(words: readonly string[]): {
  readonly command: Command
  readonly rest: readonly string[]
} {
  let command: Command = program
  let at = 0
  for (; at < words.length; at++) {
    const next = command.commands.find((each) => each.name() === words[at])
    if (next === undefined) break
    command = next
  }
  return { command, rest: words.slice(at) }
}

const lines = commandsIn(page)
const ofJobs = commandsIn(jobs)

it.each([...lines, ...ofJobs])('snug %s', (line) => {
  const { command, rest } = found(line.split(/\s+/))
  expect(command).not.toBe(program)
  const end = rest.indexOf('--')
  const own = end < 0 ? rest : rest.slice(0, end)
  const flags = own.filter((word) => word.startsWith('--'))
  const known = [...command.options, ...program.options].map(({ long }) => long)
  expect(known).toEqual(expect.arrayContaining(flags))
  // Every required option is present.
  const must = command.options.filter(({ mandatory }) => mandatory).map(({ long }) => long)
  if (rest.length === 0 || line.includes('…')) return
  expect(flags).toEqual(expect.arrayContaining(must))
})

it('has a pipeline for each of four systems, each of which does all four steps', () => {
  expect(blocks.map(({ kind }) => kind)).toEqual(['yaml', 'yaml', 'groovy', 'yaml'])
  for (const { kind, text } of blocks) {
    if (kind === 'yaml') expect(parse(text)).toBeTypeOf('object')
    const names = commandsIn(text).map((line) => line.split(' ')[0])
    expect(names).toEqual(['record', 'verify', 'gate', 'attest'])
  }
  expect(lines.length).toBeGreaterThanOrEqual(16)
})

it('has a job for each of three systems, each of which can be read and judges a run', () => {
  const samples = [...jobs.matchAll(/```(yaml|groovy)\n([\s\S]*?)```/g)]
  expect(samples.map(([, kind]) => kind)).toEqual(['yaml', 'yaml', 'groovy'])
  for (const [, kind, text = ''] of samples) {
    if (kind === 'yaml') expect(parse(text)).toBeTypeOf('object')
    expect(commandsIn(text)).toEqual([expect.stringMatching(/^record --job --mode (audit|block) /)])
  }
})
