/**
 * A copy with these changes, for objects of which many are kept or made. V8 gives each result of
 * `{ ...object, name: value }` a hidden class of its own. That takes some hundred bytes, and whatever reads such objects is
 * never specialised for them.
 */
export function withChanges<T extends object, C extends object>(object: T, changes: C): T & C {
  return Object.assign({}, object, changes)
}
