import { z } from 'zod'
import { origins } from '../event/event-words.ts'
import type { View } from '../view.ts'

const text = z.string()
const texts = z.array(text)
const count = z.number()

/** A place for people: see `core/learning`. */
export const placeSchema = z
  .object({
    class: z.union([
      z.enum(['own', 'read', 'delete', 'setattr', 'socket', 'rename', 'connect', 'listen', 'name']),
      z.templateLiteral(['call ', text]),
    ]),
    base: text.meta({
      description:
        'the folder, with its slash: the literal part. Of ports: protocol, and peer or address. Of names: the peer',
    }),
    templates: texts.meta({
      description: 'paths in the language of shapes; of ports: the range; of names: the wildcard',
    }),
    origins: z.array(z.enum(origins)),
    renames: z.boolean().meta({
      description: 'its program renames files: then it may rename within what it makes',
    }),
    names: count,
    acts: count,
    containers: count,
    rate: count.meta({ description: 'share of the names in use at last that were new' }),
    witnesses: texts.meta({ description: 'some of the paths that it was learned from' }),
    admits: texts.meta({ description: 'names of the adversarial list that it would take' }),
    why: text.meta({
      description:
        'why it is held to be open: `97 names in 2 containers, the next is new with 93 %`',
    }),
  })
  .meta({ description: 'of names that change all the time: what the folder admits, and why' })
export type PlaceJson = View<typeof placeSchema>
