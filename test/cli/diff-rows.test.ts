import { describe, expect, it } from 'vitest'
import { foldedRows, type SignedRow } from '../../src/cli/output/diff-rows.ts'

function row(name: string, more: Partial<SignedRow> = {}): SignedRow {
  return {
    sign: '+',
    id: `b-${name}`,
    text: `create /srv/pages/${name}`,
    actor: '/usr/bin/wiki',
    uid: 33,
    kind: 'file',
    access: 'change',
    place: '/srv/pages/',
    ...more,
  }
}

describe('the rows of a difference', () => {
  it('of one cause are one line from three on, with their number', () => {
    expect(foldedRows([row('a'), row('b')]).map(({ text }) => text)).toEqual([
      'create /srv/pages/a',
      'create /srv/pages/b',
    ])
    expect(foldedRows([row('a'), row('b'), row('c')]).map(({ text }) => text)).toEqual([
      'change 3 files in /srv/pages/',
    ])
  })

  it('differ by sign, actor, user, access and place', () => {
    const rows = [
      row('a'),
      row('b', { sign: '-' }),
      row('c', { actor: '/bin/sh' }),
      row('d', { uid: 0 }),
      row('e', { access: 'read' }),
      row('f', { place: '/srv/other/' }),
    ]
    expect(foldedRows(rows)).toEqual(rows)
  })

  it('of one actor and access in more than four folders of data are one line', () => {
    const at = (folder: string): SignedRow => row(folder, { place: `/srv/pages/${folder}/` })
    const few = ['a', 'b', 'c', 'd'].map(at)
    expect(foldedRows(few)).toEqual(few)
    const many = foldedRows([...few, at('e'), row('f', { place: '/srv/pages/a/' })])
    expect(many.map(({ text }) => text)).toEqual([
      'change 6 files in several folders below /srv/pages/',
    ])
    const code = ['a', 'b', 'c', 'd', 'e'].map((name) => row(name, { place: `/usr/lib/${name}/` }))
    expect(foldedRows(code)).toEqual(code)
  })

  it('of a program that is new in the image are one line, with some of what it does below', () => {
    const component = '/usr/local/bin/announce'
    const of = (text: string, more: Partial<SignedRow>): SignedRow =>
      row(text, { text, actor: component, component, ...more })
    const start = of('run /usr/local/bin/announce', {
      actor: '/usr/bin/wiki',
      access: 'run',
      place: component,
      explained: 'the new version adds /usr/local/bin/announce',
    })
    const files = ['a', 'b', 'c'].map((name) => of(`create /srv/pages/${name}`, {}))
    const peer = of('connect to tcp 203.0.113.9:443', { access: 'connect', place: '203.0.113.9' })
    expect(foldedRows([start])).toEqual([
      { ...start, actor: component, text: 'new in this version' },
    ])
    const lines = foldedRows([row('z'), ...files, start, peer])
    expect(lines.map(({ actor, text, explained }) => [actor, text, explained])).toEqual([
      [
        component,
        'new in this version: changes files in 1 folder, connects to 1 peer',
        'the new version adds /usr/local/bin/announce',
      ],
      ['', '  change 3 files in /srv/pages/', undefined],
      ['', '  connect to tcp 203.0.113.9:443', undefined],
      ['/usr/bin/wiki', 'create /srv/pages/z', undefined],
    ])
    const many = ['a', 'b', 'c', 'd', 'e'].map((name) =>
      of(`connect to tcp ${name}`, { access: 'connect', place: name }),
    )
    expect(foldedRows([start, ...many]).map(({ text }) => text)).toEqual([
      'new in this version: connects to 5 peers',
      '  connect to tcp a',
      '  connect to tcp b',
      '  and 3 more lines (--names lists them)',
    ])
  })

  it('of jobs in folders with names that are never given twice are those of one actor', () => {
    const rows = ['aB3dE1', 'zZ9kQ2', 'x7Yw2Q'].map((job) =>
      row(job, { actor: `/srv/jobs/work.${job}/rules (/usr/bin/make)` }),
    )
    expect(foldedRows(rows)).toMatchObject([
      {
        actor: '/srv/jobs/work.<fixed:6>/rules (/usr/bin/make)',
        text: 'change 3 files in /srv/pages/',
      },
    ])
  })

  it('keep an explanation only where it is that of all', () => {
    const why = { explained: 'the new version adds /usr/bin/wiki' }
    const same = [row('a', why), row('b', why), row('c', why)]
    expect(foldedRows(same)[0]?.explained).toBe(why.explained)
    expect(foldedRows([...same, row('d')])[0]?.explained).toBeUndefined()
  })
})
