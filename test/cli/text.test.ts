import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { leastWidth, textTable } from '../../src/cli/output/text-table.ts'
import { eventText, imageText, percent } from '../../src/cli/output/view-text.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { sampleAlert, sampleEvent, startFixture } from '../fixtures/server-fixtures.ts'
import { cutMiddle, safeJson, safeText } from '../../src/support/safe-text.ts'

const hostile = [
  ['an escape sequence', '/bin/\u001b[2Jls', '/bin/\\u{1b}[2Jls'],
  ['a C1 control', '/bin/\u009b31mls', '/bin/\\u{9b}31mls'],
  ['a line break', '/bin/a\nalert', '/bin/a\\u{a}alert'],
  ['a bidirectional override', '/tmp/\u202etxt.exe', '/tmp/\\u{202e}txt.exe'],
  ['an isolate', '/tmp/\u2066x', '/tmp/\\u{2066}x'],
  ['a zero-width space', '/bin/l\u200bs', '/bin/l\\u{200b}s'],
  ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ['a tag character', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
  ['a no-break space', 'a\u00a0b', 'a\\u{a0}b'],
] as const

describe.each(hostile)('%s', (_, text, safe) => {
  it('is escaped and has no effect on the terminal', () => {
    expect(safeText(text)).toBe(safe)
  })

  it('stays the same value in JSON', () => {
    const json = safeJson(JSON.stringify({ text }, null, 2))
    expect(json.replaceAll('\n', '')).toMatch(/^[\x20-\x7e]*$/)
    expect(JSON.parse(json)).toEqual({ text })
  })
})

describe('a string from a container', () => {
  const evil = hostile.map(([, text]) => text).join('')

  it('reaches the terminal escaped, in every format of every listing', async () => {
    await using fixture = await startFixture()
    const alert = sampleAlert('01-a', {
      reasons: [evil],
      behaviour: { id: 'b', kind: 'exec', object: evil, text: evil },
      container: { id: 'c'.repeat(64), name: evil },
      process: { pid: 1, exe: evil, uid: 0, origin: 'entrypoint' },
    })
    fixture.engine.kept = [alert]
    fixture.engine.behaviours = fixture.engine.behaviours.map((each) => ({
      ...each,
      text: evil,
      actor: { exe: evil },
    }))
    const image = 'registry.local/shop/web:1.4'
    const { shownIncident } = fixture.engine
    fixture.engine.shownIncident = {
      ...shownIncident,
      title: evil,
      places: [evil],
      steps: shownIncident.steps.map((step) => ({ ...step, actor: evil, text: evil })),
    }
    const commands = [
      ['incident', 'list'],
      ['incident', 'show', '01-a'],
      ['alert', 'list'],
      ['alert', 'show', '01-a'],
      ['profile', 'show', image],
    ]
    for (const command of commands) {
      for (const format of ['table', 'json', 'ndjson', 'yaml']) {
        const { stdout } = await cli([...command, '-o', format, '--socket', fixture.socket])
        // Snug's own signs beyond ASCII: the ellipsis and the less-or-equal.
        expect(stdout.replace(/[\n…≤]/g, ''), format).toMatch(/^[\x20-\x7e]*$/)
        if (format === 'yaml' && command[1] === 'show' && command[0] === 'alert') {
          expect(parseYaml(stdout)).toEqual({ ...alert, incident: '01-a' })
        }
      }
    }
  })
})

describe('a table', () => {
  interface Row {
    readonly id: string
    readonly path: string
  }
  const columns = [
    { head: 'ID', value: ({ id }: Row) => id },
    { head: 'PATH', value: ({ path }: Row) => path, cut: true },
  ] as const
  const plain = { colour: false, width: leastWidth }

  it('fits into 80 columns by cutting the middle of the cells that may be cut', () => {
    const id = 'i'.repeat(26)
    const text = textTable(columns, [{ id, path: `/usr/${'x'.repeat(200)}/end` }], plain)
    for (const line of text.trimEnd().split('\n'))
      expect(line.length).toBeLessThanOrEqual(leastWidth)
    expect(text).toContain(id)
    expect(text).toContain('/usr/')
    expect(text).toContain('/end\n')
  })

  it('can print more about each row on a line below it', () => {
    const rows = [{ id: '1', path: '/x' }]
    const text = textTable([columns[0]], rows, plain, ({ path }) => path.repeat(100))
    const [, row, below] = text.split('\n')
    expect(row).toBe('1')
    expect(below).toMatch(/^ {4}\/x.*…/)
    expect(below?.length).toBe(leastWidth)
  })

  it('cuts nothing where there is no terminal, and long cells move no other lines', () => {
    const piped = { ...plain, width: Infinity }
    const path = `/usr/${'x'.repeat(5_000)}/end`
    const turned = [columns[1], columns[0]]
    const rows = [path, '/short'].map((each) => ({ id: 'i', path: each }))
    const [, long, short] = textTable(turned, rows, piped, () => path).split(/\n(?! )/)
    expect(long).toBe(`${path}  i\n    ${path}`)
    expect(short?.split('\n')[0]?.length).toBeLessThan(200)
  })

  it('never cuts an id', () => {
    const id = 'i'.repeat(120)
    expect(textTable(columns, [{ id, path: '/x' }], plain)).toContain(id)
  })

  it('has its heads when there are no rows', () => {
    expect(textTable(columns, [], plain)).toBe('ID  PATH\n')
  })

  it('is coloured only on request and always aligned', async () => {
    await using fixture = await startFixture()
    const args = ['alert', 'list', '--socket', fixture.socket]
    const plain = (await cli(args)).stdout
    const coloured = (await cli(args, { colour: true })).stdout
    expect(plain).not.toContain('\u001b')
    expect(coloured).toContain('\u001b[31m')
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain)
  })

  it('keeps both ends of the text that it cuts', () => {
    expect(cutMiddle('abcdefghij', 7)).toBe('ab…ghij')
    expect(cutMiddle('abc', 7)).toBe('abc')
  })
})

describe('texts for people', () => {
  it('name an image so that it can be typed back', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(imageText({ repository: 'r/web', tag: '1', digest })).toBe('r/web:1')
    expect(imageText({ repository: 'r/web', digest })).toBe('r/web@sha256:aaaaaaaaaaaa')
    expect(imageText(undefined)).toBe('-')
  })

  it('never round a small chance down to none', () => {
    expect([0, 0.0004, 0.0123, 0.07, 1].map(percent)).toEqual([
      '0 %',
      '<0.1 %',
      '1.2 %',
      '7 %',
      '100 %',
    ])
  })

  it('describe an event', () => {
    expect(eventText(sampleEvent)).toBe('run /bin/sh')
  })
})
