import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adversarialNames } from '../../../src/core/learning/adversary.ts'
import { certainForm } from '../../../src/core/learning/notation.ts'
import { PathPattern } from '../../../src/core/behaviour/language.ts'
import { shapedLanguage } from '../../../src/core/behaviour/shape-pattern.ts'

describe('the form of a name that is never given twice', () => {
  it.each([
    ['3f2504e0-4f89-41d3-9a0c-0305e82c3301.json', '<uuid>.json'],
    ['backup-20261127T104501Z.tar.gz', 'backup-<date>.tar.gz'],
    ['000001.tmp', '<digits:20>.tmp'],
    ['segment000012', 'segment<digits:20>'],
    ['20261127-ab12cd34ef56ab12', '<digits:20>-<hex:16>'],
    ['01M8EFN4X5T1SG2ZRSBWGXCKGE.tmp-for-creation', '<fixed:26>.tmp-for-creation'],
    ['.cache1QMAj3ttmp', '.<fixed:15>'],
    ['work.xEBEUD', 'work.<fixed:6>'],
    ['work.5uYmZR', 'work.<fixed:6>'],
    ['ridge.7ab96506.csv', 'ridge.<fixed:8>.csv'],
    ['beef2024beef', '<fixed:12>'],
    ['task12345678901234567.draft', 'task<digits:20>.draft'],
    ['2635490450', '<digits:20>'],
    ['118274655.part', '<digits:20>.part'],
    ['dump-1795687200.sql', 'dump-<digits:20>.sql'],
    ['db_20270628_102908.dump', 'db_<digits:20>_<digits:20>.dump'],
    ['blog-2027-03-21-104659.sql.gz', 'blog-<date>.sql.gz'],
    ['list-2026-11-27T10:00:00', 'list-<date>'],
    ['2026-11-27-3.log', '<date>-<digits:20>.log'],
    ['tmp__pwbt0k', '<temp:11>'],
    ['tmpab12cd34.wav', '<temp:11>.wav'],
    ['INDEX-x_1z_9ab.tmp', 'INDEX-<temp:8>.tmp'],
  ])('of %s is %s', (name, form) => {
    expect(certainForm(name)).toBe(form)
  })

  it.each([
    'settings.json',
    'tmpsettings',
    'module_1.py',
    'elf_i386.xc',
    'e4defrag.tmpl',
    'index.html',
    'page2.html',
    'report-2026.txt',
    'app.config',
    'libfoo.so.6',
    'key.sha256',
    'data.sqlite3',
    'README',
    'v1.2.3',
    'FindCoin3D.cmake',
    'ValidDNSnameConstraintsTest8.crt',
    'report.12Days',
    'facade12.txt',
    'decade1999',
    '1999decade',
    'list.2deb24.txt',
    'list.Page12',
    'Makefile',
    'Übersicht.odt',
    '42',
    '4194304',
  ])('is not found in %s', (name) => {
    expect(certainForm(name)).toBeUndefined()
  })

  it('takes the name itself, whatever it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.-]{1,40}$/), (name) => {
        const form = certainForm(name)
        if (form !== undefined) expect(new PathPattern(shapedLanguage(form)).has(name)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes no name that an attacker leaves, unless it was of that form', () => {
    const forms = [
      'backup-20261127T104501Z.tar.gz',
      '000001.tmp',
      'work.xEBEUD',
      '.cache1QMAj3ttmp',
    ]
    for (const name of Object.values(adversarialNames).flat()) {
      const takers = forms.filter((one) =>
        new PathPattern(shapedLanguage(certainForm(one) ?? '')).has(name),
      )
      expect(takers, name).toEqual([])
    }
  })
})
