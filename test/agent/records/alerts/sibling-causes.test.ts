import { expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import { aboutOf } from '../../../../src/agent/records/alerts/finding.ts'
import { alertsOfForm, SiblingCauses } from '../../../../src/agent/records/alerts/sibling-causes.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { findingOf } from '../../../fixtures/findings.ts'

const about = (folder: string) =>
  aboutOf(findingOf(act.file(`/srv/jobs/${folder}/out`, ['write'])))!

it('finds the latest open alert of a row of folders, among the latest of them', () => {
  const { severity } = about('one')
  const open = new Set<string>()
  const siblings = new SiblingCauses((id) =>
    open.has(id) ? ({ id, severity } as Alert) : undefined,
  )
  const add = (id: string): void => {
    open.add(id)
    siblings.add(id, about(id))
  }
  const found = (): string | undefined => siblings.of(about('another'))?.id
  const ids = Array.from({ length: alertsOfForm }, (_, n) => `a${'x'.repeat(n)}`)
  for (const id of ids) add(id)
  for (const id of ids.toReversed()) {
    expect(found()).toBe(id)
    open.delete(id)
  }
  expect(found()).toBeUndefined()
  for (const id of ids) add(id)
  add('further')
  // The first had to go for the further one.
  for (const id of ['further', ...ids.slice(1)]) open.delete(id)
  expect(found()).toBeUndefined()
})
