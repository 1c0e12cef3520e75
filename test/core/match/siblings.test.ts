import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { act, learned, verdictOn, type Where } from '../../fixtures/event-fixture.ts'

const builder: Where = { exe: '/usr/bin/builder' }
const scriptOf = (job: string): string => `/srv/jobs/work.${job}/source/rules`

/** The interpreter is of the image, the script is not. */
function ran(script: string, where: Where = builder, interpreter = '/usr/bin/make'): ActEvent {
  const event = act.exec(interpreter, where)
  if (event.kind !== 'exec') throw new Error('no exec')
  return { ...event, exec: { ...event.exec, script, scriptDrift: true } }
}

/** What the script itself does. */
function byScript(job: string, event: ActEvent): ActEvent {
  return { ...event, process: { ...event.process, exe: '/usr/bin/make', script: scriptOf(job) } }
}

const jobs = ['O8qyRw', 'k2P9sX', 'T7bVq1', 'm4LzA8']

/** Scripts that are not of the image are expected only where a person has approved them. */
function approved(events: readonly ActEvent[]): Profile {
  const profile = learned(...events)
  for (const { id, object } of profile.entries()) {
    if (object.kind === 'exec')
      profile.decide(id, { kind: 'approved', by: 'ann', at: '2026-11-24T14:00:00.000000Z' })
  }
  return profile
}

const said = (profile: Profile, event: ActEvent) => {
  const { outcome, severity, guardrails } = verdictOn(profile, event)
  return [outcome, severity, ...guardrails.map(({ id }) => id)]
}
const novelty = ['deviation', 'low']
const foreign = ['deviation', 'medium', 'script-drift']

describe('a script in a folder whose name is never given twice', () => {
  const runs = jobs.slice(0, 3).map((job) => ran(scriptOf(job)))

  it('is novelty after three that were approved', () => {
    expect(said(approved(runs), ran(scriptOf('v9QrE2')))).toEqual(novelty)
    // A drawn name may look like a word.
    expect(said(approved(runs), ran(scriptOf('reedab')))).toEqual(novelty)
  })

  it('is novelty however much other scripts of the interpreter ran', () => {
    const others = Array.from({ length: 2_100 }, (_, i) =>
      act.exec(`/usr/bin/tool${i}`, { ...builder, script: '/usr/lib/other' }),
    )
    const profile = approved([...others, ...runs])
    expect(said(profile, ran(scriptOf('v9QrE2')))).toEqual(novelty)
  })

  it('is foreign after two, and after any number that nobody has decided on', () => {
    expect(said(approved(runs.slice(1)), ran(scriptOf('v9QrE2')))).toEqual(foreign)
    expect(said(learned(...runs), ran(scriptOf('v9QrE2')))).toEqual(foreign)
  })

  it('is foreign in another way, elsewhere, and for another program', () => {
    const profile = approved(runs)
    const others = [
      ran('/srv/jobs/work.v9QrE2/source/other'),
      ran('/srv/jobs/work.v9QrE2/rules'),
      ran('/tmp/work.v9QrE2/source/rules'),
      ran('/srv/jobs/work.v9QrE2x/source/rules'),
      ran(scriptOf('v9QrE2'), builder, '/usr/bin/perl'),
      ran(scriptOf('v9QrE2'), { exe: '/usr/bin/other' }),
      ran(scriptOf('v9QrE2'), { ...builder, uid: 0 }),
    ]
    for (const event of others) expect(said(profile, event), JSON.stringify(event)).toEqual(foreign)
  })

  it('is foreign where the folders have names that come again', () => {
    const words = ['red', 'green', 'blue'].map((word) => ran(`/srv/jobs/${word}/rules`))
    expect(said(approved(words), ran('/srv/jobs/black/rules'))).toEqual(foreign)
  })
})

describe('what such a script does', () => {
  const written = (job: string, path = '/srv/results/list'): ActEvent =>
    byScript(job, act.file(path, ['write']))

  it('is novelty where three others did the same', () => {
    const profile = learned(...jobs.slice(0, 3).map((job) => written(job)))
    expect(said(profile, written('v9QrE2'))).toEqual(novelty)
    expect(said(profile, written('v9QrE2', '/srv/results/other'))).toEqual(['deviation', 'medium'])
    const other = act.file('/srv/results/list', ['write'], { exe: '/usr/bin/make' })
    expect(said(profile, other)).toEqual(['deviation', 'medium'])
  })

  it('is novelty too where the script is the program that runs another', () => {
    const run = (job: string, path = '/usr/bin/dash') => act.exec(path, { exe: scriptOf(job) })
    const profile = learned(...jobs.slice(0, 3).map((job) => run(job)))
    expect(said(profile, run('v9QrE2'))).toEqual(novelty)
    expect(said(profile, run('v9QrE2', '/usr/bin/perl'))).toEqual(['deviation', 'medium'])
  })

  it('is none where two did, and where one did it three times', () => {
    const [one = '', two = ''] = jobs
    const profile = learned(written(one), written(two), written(one), written(two))
    expect(said(profile, written('v9QrE2'))).toEqual(['deviation', 'medium'])
  })
})
