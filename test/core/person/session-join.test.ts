import { describe, expect, it } from 'vitest'
import type { AuditedRequest } from '../../../src/core/person/audited-request.ts'
import { assignments } from '../../../src/core/person/assignments.ts'
import {
  joinedAtOnce,
  personsOf,
  type SeenSession,
  skewMs,
  streamsMs,
} from '../../../src/core/person/session-join.ts'

const atMs = Date.parse('2026-12-01T10:00:00Z')
let number = 0

function session(of: Partial<SeenSession> & { readonly args?: readonly string[] } = {}) {
  const { args = ['sh'], ...rest } = of
  const key = `c/${number++}`
  return {
    key,
    namespace: 'shop',
    pod: 'web-0',
    container: 'web',
    isEphemeral: false,
    beganMs: atMs + 100,
    program: { args },
    isWhole: true,
    ...rest,
  } satisfies SeenSession
}

function request(name: string, of: Partial<AuditedRequest> = {}): AuditedRequest {
  const key = `r${number++}`
  return {
    id: key,
    key,
    kind: 'exec',
    namespace: 'shop',
    pod: 'web-0',
    container: 'web',
    command: ['sh'],
    name,
    receivedMs: atMs,
    startedMs: atMs + 20,
    code: 101,
    ...of,
  }
}

function persons(sessions: readonly SeenSession[], requests: readonly AuditedRequest[]) {
  const found = personsOf(sessions, requests)
  return sessions.map(({ key }) => found.get(key))
}

const several = (candidates: number) => ({
  certainty: 'unknown',
  why: 'several-persons',
  candidates,
})

describe('the person of a session', () => {
  it('is certain where one request has its pod, container, command and time', () => {
    const by = request('alice', { as: 'bob', from: '10.1.2.3', agent: 'kubectl' })
    expect(persons([session()], [by])).toEqual([
      {
        name: 'alice',
        as: 'bob',
        from: '10.1.2.3',
        agent: 'kubectl',
        request: by.id,
        certainty: 'certain',
        candidates: 1,
      },
    ])
  })

  it('is each one’s of two at once with different commands', () => {
    const sessions = [session({ args: ['id'] }), session({ args: ['sh', '-c', 'id'] })]
    const requests = [
      request('alice', { command: ['sh', '-c', 'id'] }),
      request('bob', { command: ['id'] }),
    ]
    expect(persons(sessions, requests)).toMatchObject([
      { name: 'bob', certainty: 'certain', candidates: 1 },
      { name: 'alice', certainty: 'certain', candidates: 1 },
    ])
  })

  it('is unknown for two at once with the same command', () => {
    const both = [session(), session({ beganMs: atMs + 150 })]
    expect(persons(both, [request('alice'), request('bob')])).toEqual([several(2), several(2)])
  })

  it('is certain for one person who did the same twice at once, without what differs', () => {
    const twice = [request('alice', { from: '10.0.0.1' }), request('alice', { from: '10.0.0.2' })]
    expect(persons([session(), session()], twice)).toEqual(
      Array(2).fill({ name: 'alice', certainty: 'certain', candidates: 2 }),
    )
  })

  it('is another one where the user impersonated somebody', () => {
    const both = [request('alice'), request('alice', { as: 'bob' })]
    expect(persons([session(), session()], both)).toEqual([several(2), several(2)])
  })

  it('is known of the later one where a request can only be that of the earlier one', () => {
    const [early, late] = [session(), session({ beganMs: atMs + 10_000 })]
    const requests = [
      request('alice'),
      request('bob', { receivedMs: atMs + 9_900, startedMs: atMs + 9_950 }),
    ]
    expect(persons([late, early], requests)).toMatchObject([{ name: 'bob' }, { name: 'alice' }])
  })

  it('is unknown where more sessions than requests fit: one came by another way', () => {
    const none = { certainty: 'unknown', why: 'more-sessions', candidates: 1 }
    expect(persons([session(), session()], [request('alice')])).toEqual([none, none])
  })

  it('is unknown where a session of the group cannot have had a request', () => {
    // Two early sessions share one request, and the later request is too late for both.
    const sessions = [session(), session(), session({ beganMs: atMs + 20_000 })]
    const requests = [
      request('alice'),
      request('bob', { receivedMs: atMs + 19_000, startedMs: atMs + 19_000 }),
      request('eve', { receivedMs: atMs + 19_000, startedMs: atMs + 19_000 }),
    ]
    const found = persons(sessions, requests)
    expect(found.map((person) => person?.certainty)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(found[0]).toMatchObject({ why: 'more-sessions' })
  })

  it('is unknown without a request', () => {
    expect(persons([session()], [])).toEqual([
      { certainty: 'unknown', why: 'no-request', candidates: 0 },
    ])
  })

  it.each([
    ['of another container', { container: 'proxy' }],
    ['of another command', { command: ['bash'] }],
    ['with more arguments', { command: ['sh', '-l'] }],
    ['that was refused', { code: 403 }],
    ['of another kind', { kind: 'attach' as const }],
    ['that came later', { receivedMs: atMs + 101 + skewMs }],
    ['that was over before', { endedMs: atMs + 99 - skewMs }],
    [
      'that was long before',
      { receivedMs: atMs - 60_000, startedMs: atMs + 99 - skewMs - streamsMs },
    ],
  ])('is not that of a request %s', (_, of) => {
    expect(persons([session()], [request('alice', of)])).toMatchObject([{ why: 'no-request' }])
  })

  it.each([
    ['by a clock that is ahead', { receivedMs: atMs + 90 + skewMs }],
    ['whose client took its time', { startedMs: atMs + 101 - streamsMs }],
  ])('is that of a request %s', (_, of) => {
    expect(persons([session()], [request('alice', of)])).toMatchObject([{ name: 'alice' }])
  })

  it('is that of a request whose answer has not begun, to the only container of the pod', () => {
    const { container: _, startedMs: __, code: ___, ...early } = request('alice')
    expect(persons([session()], [early])).toMatchObject([{ name: 'alice', certainty: 'certain' }])
  })

  describe('whose kubectl was refused a WebSocket, and asked again', () => {
    const refused = (name: string) =>
      request(name, {
        isGet: true,
        receivedMs: atMs - 60,
        startedMs: atMs - 50,
        endedMs: atMs - 40,
      })

    it('is certain by the second request', () => {
      const both = [refused('alice'), request('alice')]
      expect(persons([session()], both)).toMatchObject([
        { name: 'alice', certainty: 'certain', candidates: 1 },
      ])
    })

    it('is unknown for two at once with one command, by two requests', () => {
      const four = [refused('alice'), request('alice'), refused('bob'), request('bob')]
      expect(persons([session(), session()], four)).toEqual([several(2), several(2)])
    })

    it('is likely where another session would need the refused request', () => {
      const both = [refused('alice'), request('alice')]
      expect(persons([session(), session()], both)).toMatchObject([
        { name: 'alice', certainty: 'likely', candidates: 2 },
        { name: 'alice', certainty: 'likely', candidates: 2 },
      ])
    })

    it('is not merged with what somebody else asked, or what was asked later', () => {
      const get = { isGet: true as const, endedMs: atMs + 60 }
      const apart = [request('alice', get), request('alice', { receivedMs: atMs + 1_061 })]
      expect(persons([session(), session()], apart)).toMatchObject([
        { certainty: 'certain' },
        { certainty: 'certain' },
      ])
      const others = [request('alice', get), request('bob', { receivedMs: atMs + 61 })]
      expect(persons([session(), session()], others)).toEqual([several(2), several(2)])
    })
  })

  it('is likely where a part of the command is missing', () => {
    const long = 'x'.repeat(3_000)
    const cut = session({ program: { args: ['sh', '-c', long.slice(0, 2_000)], argsCut: true } })
    const by = request('alice', { command: ['sh', '-c', long] })
    expect(persons([cut], [by])).toMatchObject([{ name: 'alice', certainty: 'likely' }])
    const other = request('bob', { command: ['sh', '-c', 'y'] })
    expect(persons([cut], [other])).toMatchObject([{ why: 'no-request' }])
    const unseen = { ...session(), program: {} }
    expect(persons([unseen], [by])).toMatchObject([{ name: 'alice', certainty: 'likely' }])
  })

  it('is likely where the agent may have missed another session', () => {
    const partly = session({ isWhole: false })
    expect(persons([partly], [request('alice')])).toMatchObject([{ certainty: 'likely' }])
    // The other one may have been that of the request.
    const whole = session()
    const twice = [request('alice'), request('alice')]
    expect(persons([partly, whole], twice)).toMatchObject([
      { certainty: 'likely' },
      { certainty: 'likely' },
    ])
  })

  it('is that of a script by the command that started it', () => {
    const args = ['/bin/sh', '/usr/bin/backup', 'now']
    const script = session({ program: { args, script: '/usr/bin/backup' } })
    const by = request('alice', { command: ['backup', 'now'] })
    expect(persons([script], [by])).toMatchObject([{ name: 'alice', certainty: 'certain' }])
  })

  it('is unknown where too many are of one moment', () => {
    const sessions = Array.from({ length: joinedAtOnce.sessions + 1 }, () => session())
    const requests = sessions.map((_, at) => request(`user${at}`))
    const found = persons(sessions, requests)
    expect(new Set(found.map((person) => JSON.stringify(person)))).toEqual(
      new Set([JSON.stringify(several(sessions.length))]),
    )
  })
})

describe('the person of an ephemeral container', () => {
  const debug = session({ container: 'debugger-1', isEphemeral: true, beganMs: atMs + 30_000 })
  const patch = (name: string, of: Partial<AuditedRequest> = {}) =>
    request(name, { kind: 'ephemeral', command: [], code: 200, ...of })

  it('is certain of the first request that names it: no later one can change it', () => {
    const requests = [
      patch('alice', { adds: ['debugger-1'] }),
      patch('bob', { adds: ['debugger-1', 'debugger-2'], receivedMs: atMs + 10 }),
    ]
    expect(persons([debug], requests)).toMatchObject([{ name: 'alice', certainty: 'certain' }])
  })

  it('is likely where the log has no names, and unknown where several persons added one', () => {
    expect(persons([debug], [patch('alice')])).toMatchObject([
      { name: 'alice', certainty: 'likely' },
    ])
    expect(persons([debug], [patch('alice'), patch('bob')])).toEqual([several(2)])
  })

  it('is nobody who added one later, or was refused', () => {
    const later = patch('alice', { receivedMs: debug.beganMs + skewMs + 1 })
    expect(persons([debug], [later, patch('bob', { code: 403 })])).toMatchObject([
      { why: 'no-request' },
    ])
  })
})

describe('assignments', () => {
  it('are those of matchings that cover the left', () => {
    expect(assignments([[0], [0, 1]], 2)).toEqual([[0], [1]])
    expect(
      assignments(
        [
          [0, 1],
          [0, 1],
        ],
        2,
      ),
    ).toEqual([
      [0, 1],
      [0, 1],
    ])
    expect(assignments([[0, 1], [1]], 3)).toEqual([[0], [1]])
    expect(assignments([[0], [0]], 2)).toBeUndefined()
    expect(assignments([], 0)).toEqual([])
  })
})
