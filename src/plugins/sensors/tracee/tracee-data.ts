import { asBag, type Bag, listAt, textAt } from '../json-fields.ts'

/** The values of the event by name, for every form of wrapping. */
export function dataOf(event: Bag): Bag {
  const list = [...listAt(event, 'data'), ...listAt(event, 'args')]
  return Object.fromEntries(
    list.flatMap((item) => {
      const bag = asBag(item)
      const name = bag === undefined ? undefined : textAt(bag, 'name')
      return bag === undefined || name === undefined ? [] : [[name, valueOf(bag)]]
    }),
  )
}

/** `{name, type, value}`, or `{name, str}`, `{name, int32}`, `{name, str_array}`, `{name, sockaddr}` and so on. */
function valueOf(item: Bag): unknown {
  const key =
    'value' in item ? 'value' : Object.keys(item).find((each) => each !== 'name' && each !== 'type')
  const value = key === undefined ? undefined : item[key]
  const bag = asBag(value)
  if (bag === undefined) return value
  // A list, or a number, may be wrapped once more.
  return Object.keys(bag).length === 1 && 'value' in bag ? bag['value'] : bag
}
