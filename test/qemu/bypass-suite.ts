import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behaviourId, behavioursOf, type BehaviourRef } from '../../src/core/behaviour/behaviour.ts'
import type { ContainerTraits } from '../../src/agent/pipeline/sources/source.ts'
import type { PartialObservable } from '../../src/core/coverage/observable.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { bypassActs, callsWithoutHook, namingActs, ordinaryActs } from '../fixtures/bypass-acts.ts'
import type { Recorder } from '../sensor/recorder.ts'
import { checkColumn, type Column, outcomeOf } from './outcome-table.ts'
import { shaper } from '../fixtures/event-fixture.ts'

const scope = 7
const rejection = { kind: 'rejected', by: 'test', at: '2026-11-24T00:00:00Z' } as const

/** A container in block mode whose profile holds its ordinary events. */
export interface Lane {
  readonly id: string
  readonly recorder: Recorder
  /** Names in the container's /data. */
  data(): Promise<string>
  run(command: string): Promise<string>
  stop(): Promise<void>
}

/** Learns the container's ordinary work; from then on it blocks. */
export async function learn(lane: Pick<Lane, 'id' | 'recorder' | 'run'>): Promise<void> {
  const { source } = lane.recorder
  await lane.run(['hold /etc/private', ...ordinaryActs, 'end'].join('\n'))
  await source.obeyed()
  const profile = new Profile(shaper)
  for (const event of lane.recorder.acts(lane.id)) {
    if (event.kind === 'file' && event.file.path === '/etc/private') continue
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  source.control.profile?.(scope, compiled)
  source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  source.control.assign(lane.id, scope, { enforce: true })
  await source.obeyed()
}

interface Outcome {
  readonly result: string
  readonly reported: readonly ActEvent[]
}

async function attempt(lane: Lane, line: string): Promise<Outcome> {
  lane.recorder.messages.length = 0
  const result = (await lane.run(`${line}\nend`)).trim()
  await lane.recorder.source.obeyed()
  return { result, reported: lane.recorder.acts(lane.id) }
}

/** Tries each bypass in a container that may only do its ordinary work. `start` starts both. 'lsm': not in the table. */
export function tryBypasses(
  title: string,
  column: Column | 'lsm',
  start: () => Promise<Lane>,
  arch: NodeJS.Architecture = process.arch,
): void {
  const family = column.endsWith('tracepoints') ? 'tracepoints' : 'lsm'
  const outcomes = new Map<string, string>()
  // By tracepoints the others change the owner and mode of the file that is linked.
  const acts = [...namingActs, ...bypassActs].filter(({ on = arch }) => on === arch)
  const inTable = new Set(bypassActs.map(({ name }) => name))
  const note = (name: string, outcome: string): void => {
    if (inTable.has(name)) outcomes.set(name, outcome)
  }
  describe(`in block mode on ${title}`, () => {
    let lane: Lane
    beforeAll(async () => {
      lane = await start()
      await learn(lane)
    })
    afterAll(async () => {
      await lane.stop()
    })

    it.each(ordinaryActs)('learned behaviour stays allowed: %s', async (line) => {
      expect(await attempt(lane, line)).toEqual({ result: '0', reported: [] })
    })

    it('from here on the sensor reports every event', async () => {
      await lane.recorder.everyEvent()
    })

    it.each(acts)('$name', async (act) => {
      const { result, reported } = await attempt(lane, act.line)
      const enforced = reported.map((event) => event.enforced)
      if (result === act.absent) {
        note(act.name, 'not offered')
        expect(enforced.filter((done) => done !== undefined)).toEqual([])
        return
      }
      note(act.name, outcomeOf(result, enforced))
      expect(result).toBe(result === act.withoutHook ? act.withoutHook : act[family])
      if (result === '1') expect(enforced).toContain('blocked')
      if (act.survives === true && family === 'tracepoints') {
        expect(enforced).toContain('missed')
        expect(enforced).not.toContain('killed')
      } else if (result.startsWith('killed')) expect(enforced).toContain('killed')
      if (act.unseen === 'everywhere' || act.unseen === family) expect(reported).toEqual([])
      else if (result === '0') expect(enforced).toContain('missed')
    })

    if (column !== 'lsm')
      it('the outcomes are those of the table of kernels', () => {
        checkColumn(column, outcomes)
      })

    // The sensor kills after the event; only a refused event leaves no trace.
    if (family !== 'lsm') return
    it('none of them left a trace in the container', async () => {
      expect((await lane.data()).split('\n')).toEqual(['allowed', 'compat', 'own'])
    })

    it('a container whose changes are held reads and serves, and changes nothing, whatever its mode', async () => {
      const { control } = lane.recorder.source
      const ordinary = [
        'read /data/allowed',
        'write /data/own',
        'fork',
        'tcp 7001',
        'shell-read /data/allowed',
      ]
      const until = Date.now() + 3_600_000
      const held = { enforce: false, hold: { network: false, changes: true, until } } as const
      control.enforce?.(scope, { mode: 'alert', budget: 1 })
      const results = async (traits: ContainerTraits): Promise<unknown> => {
        control.assign(lane.id, scope, traits)
        await lane.recorder.source.obeyed()
        const all: Record<string, readonly unknown[]> = {}
        for (const line of ordinary) {
          const { result, reported } = await attempt(lane, line)
          const stopped = reported.flatMap((event) => (event.held === true ? [event.enforced] : []))
          all[line] = [result, ...new Set(stopped)]
        }
        return all
      }
      expect(await results(held)).toEqual({
        'read /data/allowed': ['0'],
        'write /data/own': ['1', 'blocked'],
        fork: ['0'],
        'tcp 7001': ['1', 'blocked'],
        'shell-read /data/allowed': ['1', 'blocked'],
      })
      const free = Object.fromEntries(ordinary.map((line) => [line, ['0']]))
      expect(await results({ enforce: true })).toEqual(free)
      // One that is over holds nothing, though nobody has released it. The clocks of both machines differ.
      const over = { ...held, hold: { ...held.hold, until: Date.now() - 3_600_000 } }
      expect(await results(over)).toEqual(free)
      control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
      control.assign(lane.id, scope, { enforce: true })
      await lane.recorder.source.obeyed()
    })

    it('changes of mode that no sensor observed while learning go on and are reported, unless a person rejected them', async () => {
      const { source } = lane.recorder
      const rejected = (await attempt(lane, 'chmod /etc/private')).reported
      const profile = new Profile(shaper)
      for (const event of rejected) {
        const refs = behavioursOf(event, shaper)
        profile.observe(event, refs, { phase: 'later' })
        for (const { key } of refs) profile.decide(behaviourId(key), rejection)
      }
      const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
      source.control.profile?.(scope, compiled)
      source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000, spares: ['setattr'] })
      await source.obeyed()
      const spared = await attempt(lane, 'chmod /data/allowed')
      expect(spared.result).toBe('0')
      // It was not to be stopped, so nothing was missed.
      expect(spared.reported.map(({ enforced }) => enforced)).toEqual([undefined])
      for (const line of ['chmod /etc/private', 'read /etc/private']) {
        const { result, reported } = await attempt(lane, line)
        expect([line, result]).toEqual([line, '1'])
        expect(reported.map(({ enforced }) => enforced)).toEqual(['blocked'])
      }
    })

    it('an attribute is refused where its capability may be used, and goes on where no sensor observed such changes while learning', async () => {
      const { source } = lane.recorder
      const lines = [
        'give-capabilities /etc/private',
        'set-rights-itself /bin/forbidden',
        'set-rights /data/allowed',
        'remove-rights /data/allowed',
      ]
      const profile = new Profile(shaper)
      for (const line of lines) {
        const { reported } = await attempt(lane, line)
        for (const event of reported)
          if (event.kind === 'capability')
            profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
      }
      const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
      source.control.profile?.(scope, compiled)
      for (const spares of [[], ['setattr']] as const) {
        source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000, spares })
        await source.obeyed()
        for (const line of lines) {
          const { result, reported } = await attempt(lane, line)
          const changes = reported.filter(({ kind }) => kind !== 'capability')
          expect([line, result]).toEqual([line, spares.length > 0 ? '0' : '1'])
          expect(changes.map(({ enforced }) => enforced)).toEqual([
            spares.length > 0 ? undefined : 'blocked',
          ])
        }
      }
    })

    it('a call without a separate hook is refused where its capability may be used, and is one event where the call may be too', async () => {
      const { source } = lane.recorder
      const lines = callsWithoutHook.map(({ line }) => line)
      const profile = new Profile(shaper)
      const learnFrom = async (kind: ActEvent['kind']): Promise<void> => {
        for (const line of lines)
          for (const event of (await attempt(lane, line)).reported)
            if (event.kind === kind)
              profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
        const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
        source.control.profile?.(scope, compiled)
        source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
        await source.obeyed()
      }
      const outcomes = async (): Promise<unknown[]> => {
        const all: unknown[] = []
        for (const line of lines) {
          const { result, reported } = await attempt(lane, line)
          const calls = reported.filter(({ kind }) => kind !== 'capability')
          all.push([line, result, ...calls.map(({ kind, enforced }) => [kind, enforced])])
        }
        return all
      }
      await learnFrom('capability')
      expect(await outcomes()).toEqual(lines.map((line) => [line, '1', ['syscall', 'blocked']]))
      await learnFrom('syscall')
      // There is no such module.
      expect(await outcomes()).toEqual(
        lines.map((line) => [line, line.includes('module') ? '2' : '0', ['syscall', undefined]]),
      )
    })

    it('a file that another process passes on is one that the receiver may open, and goes on where no sensor observed such while learning, unless a person rejected it', async () => {
      const { source } = lane.recorder
      const profile = new Profile(shaper)
      const receive = async (
        spares: readonly PartialObservable[],
      ): Promise<readonly [string, ...unknown[]]> => {
        const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
        source.control.profile?.(scope, compiled)
        source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000, spares })
        await source.obeyed()
        const { result, reported } = await attempt(lane, 'sent-read')
        const files = reported.flatMap((event) => (event.kind === 'file' ? [event] : []))
        for (const event of files) {
          const refs = behavioursOf(event, shaper)
          profile.observe(event, refs, { phase: 'later' })
          received.push(...refs)
        }
        return [result, ...files.map(({ file, enforced }) => [file.path, file.received, enforced])]
      }
      const received: BehaviourRef[] = []
      const file = ['/etc/private', true] as const
      expect(await receive([])).toEqual(['1', [...file, 'blocked']])
      expect(await receive(['setattr'])).toEqual(['1', [...file, 'blocked']])
      expect(await receive(['received'])).toEqual(['0', [...file, undefined]])
      // The same file, opened, is refused all the same.
      const opened = await attempt(lane, 'read /etc/private')
      expect([opened.result, opened.reported.map(({ enforced }) => enforced)]).toEqual([
        '1',
        ['blocked'],
      ])
      for (const { key } of received) profile.decide(behaviourId(key), rejection)
      expect(await receive(['received'])).toEqual(['1', [...file, 'blocked']])
    })

    it('a program that mapped such code while it was learned may map other such code, which is reported, and not what a person rejected', async () => {
      const { source } = lane.recorder
      const isMapping = (event: ActEvent): boolean =>
        event.kind === 'file' && event.file.access.includes('exec')
      const profile = new Profile(shaper)
      const attempts = async (): Promise<Record<string, Outcome>> => {
        const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
        source.control.profile?.(scope, compiled)
        source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
        await source.obeyed()
        const all: Record<string, Outcome> = {}
        for (const name of ['known', 'new', 'rejected'])
          all[name] = await attempt(lane, `map-memory ${name}`)
        return all
      }
      const observe = ({ reported }: Outcome, which: (event: ActEvent) => boolean) =>
        reported.filter(which).flatMap((event) => {
          const refs = behavioursOf(event, shaper)
          profile.observe(event, refs, { phase: 'learned' })
          return refs
        })
      // The files themselves, which the profile does not allow either.
      for (const made of Object.values(await attempts())) observe(made, () => true)
      const refused = await attempts()
      for (const name of ['known', 'rejected']) {
        const refs = observe(refused[name] ?? { result: '', reported: [] }, isMapping)
        if (name === 'known') continue
        for (const { key } of refs) profile.decide(behaviourId(key), rejection)
      }
      const outcomes = Object.entries(await attempts()).map(([name, { result, reported }]) => {
        const mappings = reported.filter(isMapping).map(({ enforced }) => enforced ?? 'passed')
        return [name, result, ...new Set(mappings)]
      })
      expect(outcomes).toEqual([
        ['known', '0', 'passed'],
        ['new', '0', 'passed'],
        ['rejected', '1', 'blocked'],
      ])
    })
  })
}
