import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { ActEvent, Access, Origin } from '../../src/event/event.ts'
import { behavioursOf } from '../../src/profile/behaviour.ts'
import type { GeneraliseRules } from '../../src/profile/generalise.ts'
import type { Phase } from '../../src/profile/profile-entry.ts'
import { Profile } from '../../src/profile/profile.ts'
import { Shaper } from '../../src/profile/shape.ts'
import { Guardrails, type GuardrailRules } from '../../src/match/guardrail.ts'
import { judge } from '../../src/match/judge.ts'
import type { Verdict } from '../../src/match/verdict.ts'

const read = (name: string): unknown =>
  parse(readFileSync(new URL(`../../profiles/${name}`, import.meta.url), 'utf8'))

/** What Snug ships, as the daemon reads it. */
export const shippedRules = read('generalise.yaml') as GeneraliseRules
export const shippedGuardrails = read('guardrails.yaml') as GuardrailRules
export const shaper = new Shaper(shippedRules)
export const guardrails = new Guardrails(shippedGuardrails)

export interface Where {
  readonly exe?: string
  readonly uid?: number
  readonly declaredUser?: boolean
  readonly container?: string
  readonly origin?: Origin
  readonly session?: string
  readonly time?: string
  readonly node?: string
  readonly count?: number
  readonly socketStdio?: boolean
}

function base(where: Where) {
  return {
    v: 1 as const,
    time: where.time ?? '2026-11-24T13:40:27.123456Z',
    node: where.node ?? 'n1',
    source: 'file',
    container: { id: where.container ?? 'c1' },
    image: { repository: 'shop/web', digest: 'sha256:aa' },
    ...(where.count === undefined ? {} : { count: where.count }),
    process: {
      pid: 812,
      exe: where.exe ?? '/usr/sbin/nginx',
      uid: where.uid ?? 101,
      ...(where.declaredUser === undefined ? {} : { declaredUser: where.declaredUser }),
      origin: where.origin ?? ('entrypoint' as const),
      ...(where.session === undefined ? {} : { session: where.session }),
      ...(where.socketStdio === undefined ? {} : { socketStdio: where.socketStdio }),
    },
  }
}

/** With its arguments, of which the first is its name. */
function withArgs(event: ActEvent, args: readonly string[], argsCut = false): ActEvent {
  const process = { ...event.process, args, ...(argsCut ? { argsCut } : {}) }
  return { ...event, process }
}

export const act = {
  run: (path: string, args: readonly string[], where: Where = {}, cut = false): ActEvent =>
    withArgs(act.exec(path, where), args, cut),
  exec: (path: string, where: Where = {}, drift = false): ActEvent => ({
    ...base(where),
    kind: 'exec',
    exec: { path, drift },
  }),
  file: (
    path: string,
    access: readonly Access[] = ['read'],
    where: Where = {},
    more: { shipped?: boolean; to?: string; cut?: boolean } = {},
  ): ActEvent => ({ ...base(where), kind: 'file', file: { path, access, ...more } }),
  connect: (address: string, port: number, where: Where = {}, protocol = 'tcp'): ActEvent => ({
    ...base(where),
    kind: 'connect',
    connect: { protocol, address, port },
  }),
  listen: (address: string, port: number, where: Where = {}): ActEvent => ({
    ...base(where),
    kind: 'listen',
    listen: { protocol: 'tcp', address, port },
  }),
  identity: (from: number, to: number, where: Where = {}): ActEvent => ({
    ...base(where),
    kind: 'identity',
    identity: { from: { uid: from, gid: from }, to: { uid: to, gid: to } },
  }),
  capability: (name: string, where: Where = {}): ActEvent => ({
    ...base(where),
    kind: 'capability',
    capability: { name },
  }),
  syscall: (name: string, where: Where = {}, target?: string): ActEvent => ({
    ...base(where),
    kind: 'syscall',
    syscall: target === undefined ? { name } : { name, target },
  }),
}

/** Judges and records, as the daemon does with a version in that phase. */
export function feed(
  profile: Profile,
  events: readonly ActEvent[],
  phase: Phase = 'learned',
): readonly Verdict[] {
  return events.map((event) => {
    const refs = behavioursOf(event, shaper)
    const learning = phase === 'learned'
    const verdict = judge(profile, event, refs, { guardrails, learning, explain: !learning })
    profile.observe(event, refs, {
      phase,
      ...(verdict.guardrailsByRef === undefined ? {} : { guardrails: verdict.guardrailsByRef }),
    })
    return verdict
  })
}

export function learned(...events: readonly ActEvent[]): Profile {
  const profile = new Profile(shaper)
  feed(profile, events)
  return profile
}

export function verdictOn(profile: Profile, event: ActEvent): Verdict {
  return judge(profile, event, behavioursOf(event, shaper), { guardrails })
}

export function outcome(profile: Profile, event: ActEvent): string {
  return verdictOn(profile, event).outcome
}
