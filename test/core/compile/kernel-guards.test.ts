import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import { guardsOf } from '../../../src/core/compile/kernel-guards.ts'
import { run } from '../../../src/core/compile/path-automaton.ts'
import { bytesOfName } from '../../../src/core/event/name-bytes.ts'
import { expanded, globs, holderPatterns } from '../../../src/core/match/glob.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { shaper, shippedGuardrails } from '../../fixtures/event-fixture.ts'
import { cases } from '../../fixtures/random-cases.ts'

const { profile } = compileKernel(new Profile(shaper), {
  now: 0,
  shippedMatching: () => [],
  guards: guardsOf(shippedGuardrails),
})
const guarded = new Set(
  profile.rules.flatMap(({ object }) =>
    object.kind === 'guard' ? [`${object.access} ${object.set}`] : [],
  ),
)

/** As the kernel looks it up. */
function isGuarded(access: string, ...paths: readonly string[]): boolean {
  const set = run(profile.automaton, bytesOfName(paths.join('\u0000')))
  return set !== 0 && guarded.has(`${access} ${set}`)
}

const conditions = shippedGuardrails.guardrails
  .flatMap(({ when }) => when)
  .filter((condition) => condition.kind === 'file')
  .filter(({ device, layer }) => device === undefined && layer === undefined)

/** What the guardrails say, of names that do not lie in any folder. */
function expected(accesses: readonly string[]): (path: string) => boolean {
  const those = conditions.filter(({ access }) => access.some((one) => accesses.includes(one)))
  const included = globs(those.flatMap(({ path }) => path).filter((one) => !one.startsWith('/**')))
  const excepted = globs(those.flatMap(({ exceptPath = [] }) => exceptPath))
  return (path) => included(path) && !excepted(path)
}

/** Names that the globs take, with a part that is left out, doubled or another one now and then. */
const paths = fc
  .tuple(
    fc.constantFrom(
      ...expanded(conditions.flatMap(({ path, exceptPath = [] }) => [...path, ...exceptPath])),
    ),
    fc.constantFrom('x', 'jo', '1', 'ä', 'x\ny', 'known_hosts', 'key.pub', '__pycache__'),
    fc.constantFrom('', 'a', 'a/b', '.ssh'),
    fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, fc.nat(6)),
    fc.constantFrom('', 'x', '.pub', '.ssh'),
  )
  .map(([glob, name, below, at, other]) => {
    const filled = glob
      .replaceAll('**', below)
      .replaceAll(/\[(.)[^\]]*\]/g, '$1')
      .replaceAll(/[*?]/g, name)
    const parts = filled.split('/').filter((part) => part !== '')
    if (at >= 0) parts.splice(at, 1, ...other.split('/').filter((part) => part !== ''))
    return `/${parts.join('/')}`
  })

it.each([
  ['read', ['read']],
  ['write', ['write']],
  ['create', ['write', 'create']],
  ['delete', ['delete']],
] as const)('guards of the kernel for %s are those of the guardrails', (access, accesses) => {
  const is = expected(accesses)
  let hits = 0
  fc.assert(
    fc.property(paths, (path) => {
      if (is(path)) hits += 1
      expect(isGuarded(access, path), path).toBe(is(path))
    }),
    { numRuns: cases(5_000) },
  )
  expect(hits).toBeGreaterThan(20)
})

it.each([
  ['away', '/root/.ssh/id_ed25519', '/tmp/key', true],
  ['away with its folder', '/root/.ssh', '/tmp/ssh', true],
  ['onto what runs at login', '/tmp/new', '/home/jo/.bashrc', true],
  ['onto the folder of services', '/tmp/new', '/etc/systemd/system', true],
  ['onto the hosts that SSH knows', '/root/.ssh/known_hosts.new', '/root/.ssh/known_hosts', false],
  ['within the work folder', '/home/jo/shop/a', '/home/jo/shop/b', false],
])('a file that is moved %s: guarded as the guardrails say', (_, from, to, is) => {
  expect(isGuarded('rename', from, to)).toBe(is)
})

it('folders that are moved are guarded only where they hold something guarded', () => {
  expect(holderPatterns(['/{root,home/*}/.ssh/id_*'])).toEqual([
    '/root',
    '/root/.ssh',
    '/home',
    '/home/*/.ssh',
  ])
})
