import { expect, it } from 'vitest'
import { objectLine } from '../../../src/core/behaviour/describe.ts'
import { formsIn } from '../../../src/console/reading/alert-evidence.ts'
import { nodeEntry } from '../../fixtures/node-entries.ts'

const { id, actor, uid, object } = nodeEntry('/etc/a', 'n1')
const form = { actor, uid, object, origin: 'entrypoint' }
const named = { id, text: objectLine(object), form }
const other = nodeEntry('/etc/b', 'n1')
const shaped = nodeEntry('/tmp/<uuid>', 'n1')
const uuid = '0b4dd1c5-6f0d-4c8c-9a44-2d5f9f4a9a01'
const literal = { text: `/tmp/${uuid}`, values: [uuid] }

it('a behaviour and the samples of an alert are taken in full', () => {
  const sample = { id: other.id, text: 'read /etc/b', form: { ...form, object: other.object } }
  const found = formsIn({ behaviour: named, samples: [named, sample] })
  expect(found.map((each) => each.id)).toEqual([id, id, other.id])
  expect(found[0]?.form).toEqual(form)
})

it.each([
  ['the shape', 'read /tmp/<uuid>'],
  ['the name that was used', `read /tmp/${uuid}`],
])('one of a shape is taken by the text of %s', (_, text) => {
  const of = { id: shaped.id, text, form: { ...form, object: shaped.object, literal } }
  expect(formsIn({ behaviour: of })[0]?.form.literal).toEqual(literal)
})

it.each([
  ['is not there', { ...named, form: undefined }],
  ['has another id', { ...named, id: other.id }],
  ['has another actor', { ...named, form: { ...form, actor: { exe: '/bin/sh' } } }],
  ['is not what people read', { ...named, text: 'read /etc/harmless' }],
  ['has an origin that is none', { ...named, form: { ...form, origin: 'x' } }],
  ['fits no schema', { ...named, form: { ...form, object: { kind: 'file' } } }],
  [
    'has a name of a megabyte',
    { ...named, form: { ...form, literal: { text: 'x'.repeat(1 << 20), values: [] } } },
  ],
  ['is text', { ...named, form: 'x' }],
])('a form is ignored that %s', (_, behaviour) => {
  expect(formsIn({ behaviour, samples: [named] })).toHaveLength(1)
})

it.each([[undefined], [null], ['x'], [[]], [{ samples: 'x' }]])('%j has none', (value) => {
  expect(formsIn(value)).toEqual([])
})
