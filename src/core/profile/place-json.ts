import { admittedNames } from '../learning/adversary.ts'
import type { Place } from '../learning/place.ts'
import { figuresText } from '../learning/vocabulary.ts'
import { plainPath } from '../behaviour/shape.ts'
import { PathPattern } from '../behaviour/language.ts'
import type { PlaceJson } from './place-schema.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'

const made = new WeakMap<Place, PlaceJson>()

/** A place as it is stored and shown. */
export function placeJson(place: Place): PlaceJson {
  const known = made.get(place)
  if (known !== undefined) return known
  const { templates, origins, renames, figures, witnesses } = place
  const isOfPorts = place.class === 'connect' || place.class === 'listen'
  const patterns =
    isOfPorts || place.class === 'name'
      ? []
      : templates.map((template) => new PathPattern(shapedLanguage(template)))
  const folders = new Set(witnesses.map((path) => path.slice(0, path.lastIndexOf('/') + 1)))
  const json = {
    class: place.class,
    base: plainPath(place.base),
    templates,
    origins,
    renames,
    names: figures.names,
    acts: figures.acts,
    containers: figures.containers,
    rate: figures.rate,
    witnesses,
    admits: admittedNames((name) =>
      [...folders].some((folder) => patterns.some((pattern) => pattern.has(folder + name))),
    ),
    why: figuresText(figures, isOfPorts ? 'port' : 'name'),
  }
  made.set(place, json)
  return json
}
