import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unitOf, unitRepository } from '../../../src/core/event/unit-image.ts'
import { isNamed } from '../../../src/agent/records/versions/image-name.ts'
import { parseImageReference } from '../../../src/agent/pipeline/identity/image-reference.ts'

describe('the repository of a unit', () => {
  it('has neither a tag nor a digest in it, also for an instance of a template', () => {
    expect(unitRepository('nginx.service')).toBe('_unit/nginx.service')
    expect(unitRepository('postgresql@16-main.service')).toBe('_unit/postgresql/16-main.service')
    expect(unitRepository('a:b\\x2d@c@d.service')).toBe('_unit/a%3Ab%5Cx2d/c%40d.service')
  })

  it('leads back to the unit and to no other', () => {
    const name = fc.stringMatching(/^[\w:.\\-][\w:.\\-]*(@[\w:.@\\-]*)?\.service$/)
    fc.assert(
      fc.property(name, (unit) => {
        const repository = unitRepository(unit)
        expect(parseImageReference(repository)).toEqual({ repository, tag: 'latest' })
        expect(unitOf({ repository })).toBe(unit)
      }),
    )
  })

  it('stands for no unit where it is that of an image', () => {
    expect(unitOf({ repository: 'unit/nginx.service' })).toBeUndefined()
    expect(unitOf({ repository: 'registry:5000/_unit/nginx.service' })).toBeUndefined()
  })

  it('names a version by that of its package, with its epoch', () => {
    const image = { repository: '_unit/ssh.service', digest: 'sha256:ab' }
    const version = { image, tags: new Set(['1:10.0p1-7']), otherDigests: new Set<string>() }
    expect(isNamed('_unit/ssh.service:1:10.0p1-7', version)).toBe(true)
    expect(isNamed('_unit/ssh.service:1:10.0p1-7@sha256:a', version)).toBe(true)
    expect(isNamed('_unit/ssh.service:10.0p1-7', version)).toBe(false)
  })
})
