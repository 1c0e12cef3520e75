import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { matchedRuleOf } from '../../../src/core/profile/matched-rule.ts'
import { microsOf } from '../../../src/core/event/time.ts'
import { act, learned, shaper } from '../../fixtures/event-fixture.ts'

/** A block that a store writes under a draft's name, then renames, and reads. */
function block(id: string): readonly ActEvent[] {
  const [draft, made] = [`/srv/store/${id}.draft`, `/srv/store/${id}`]
  return [
    act.file(draft, ['create']),
    act.file(`${draft}/index`, ['write']),
    act.file(`${draft}/chunks`, ['create']),
    act.file(`${draft}/chunks/000001`, ['write']),
    act.file(draft, ['rename'], {}, { to: made }),
  ]
}

describe('a folder that its program renames', () => {
  const profile = learned(...block('01M8EFN4X5T1SG2ZRSBWGXCKGE'))
  const isExpected = (event: ActEvent): boolean =>
    behavioursOf(event, shaper).every(
      (ref) => matchedRuleOf(profile, ref, () => microsOf(event.time)) !== undefined,
    )

  it('is one whose name varies, after a single one', () => {
    for (const event of block('01M9ABN4X5T1SG2ZRSBWGXCK7Q')) expect(isExpected(event)).toBe(true)
  })

  it('keeps what it holds under its new name, and no more', () => {
    const at = '/srv/store/01M9ABN4X5T1SG2ZRSBWGXCK7Q'
    expect(isExpected(act.file(`${at}/index`, ['read']))).toBe(true)
    expect(isExpected(act.file(`${at}/chunks/000002`, ['read']))).toBe(true)
    for (const path of [`${at}/index.php`, `${at}/run.sh`, `${at}/.x`, '/srv/store/settings.json'])
      expect(isExpected(act.file(path, ['write'])), path).toBe(false)
  })
})
