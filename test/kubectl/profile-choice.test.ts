import { describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { chosenProfile, profilesOf } from '../../src/kubectl/profile-choice.ts'
import { digestOf } from '../fixtures/kube-pods.ts'

function profileOf(image: FleetImage): ImageProfile {
  const name = profileName(image)
  return { metadata: { name, uid: name, resourceVersion: '1' }, spec: { image } }
}

const [one, two] = [digestOf('1'), digestOf('2')]
const all = {
  a: profileOf({ repository: 'shop/web', digest: one, scope: 'team-a' }),
  b: profileOf({ repository: 'shop/web', digest: one, scope: 'team-b' }),
  job: profileOf({ repository: 'shop/web', digest: two, scope: 'team-b/Job/tick' }),
  whole: profileOf({ repository: 'localhost:5000/db', digest: two }),
}
const profiles = Object.values(all)

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return error instanceof SnugError ? error.code : String(error)
  }
  return 'none'
}

describe('a profile is named', () => {
  it.each([
    ['the name of its object', all.a.metadata.name, undefined, all.a],
    ['repository and namespace', 'shop/web#team-a', undefined, all.a],
    ['repository and --namespace', 'shop/web', 'team-a', all.a],
    [
      'repository and the beginning of a digest',
      `shop/web@${two.slice(0, 20)}`,
      undefined,
      all.job,
    ],
    ['a repository whose registry has a port', 'localhost:5000/db', undefined, all.whole],
  ])('by %s', (_, ref, namespace, found) => {
    expect(chosenProfile(ref, profiles, namespace)).toBe(found)
  })

  it('not by what several are named', () => {
    expect(codeOf(() => chosenProfile('shop/web', profiles, undefined))).toBe('PROFILE_AMBIGUOUS')
    const inOne = () => chosenProfile(`shop/web@${one}`, profiles, undefined)
    expect(inOne).toThrow(`\`${all.a.metadata.name}\`, \`${all.b.metadata.name}\``)
  })

  it('not by a tag, which the cluster does not store', () => {
    expect(() => chosenProfile('shop/web:1.4', profiles, undefined)).toThrow('no tags')
    expect(codeOf(() => chosenProfile('shop/other', profiles, undefined))).toBe('PROFILE_UNKNOWN')
  })
})

it('a listing of a namespace has its own profiles, those of its workloads, and those of all', () => {
  const names = profilesOf(profiles, 'team-b').map(({ metadata }) => metadata.name)
  expect(names.sort()).toEqual([all.b, all.job, all.whole].map((each) => each.metadata.name).sort())
  expect(profilesOf(profiles, undefined)).toHaveLength(4)
})
