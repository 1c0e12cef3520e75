type Members = Record<string, unknown>

/**
 * V8 gives an object room for the members that its constructor may set, and as many again beside it, but for 12 in any case.
 * Beyond, `Object.assign` makes a hash table of it: seven times the memory, and ten times the time. These objects begin
 * without any member. They have classes of their own: that of `{}` can take no more members once there were 1,536 names for
 * the first one, and then each object gets a separate class.
 */
function Small(this: Members, isFull?: boolean): void {
  if (isFull === true) this['a'] = this['b'] = this['c'] = this['d'] = 0
}

/** Room for 32. */
function Large(this: Members, isFull?: boolean): void {
  if (isFull === true) {
    this['a'] = this['b'] = this['c'] = this['d'] = this['e'] = this['f'] = this['g'] = 0
    this['h'] = this['i'] = this['j'] = this['k'] = this['l'] = this['m'] = this['n'] = 0
    this['o'] = this['p'] = this['q'] = this['r'] = this['s'] = this['t'] = this['u'] = 0
    this['v'] = this['w'] = this['x'] = this['y'] = this['z'] = 0
    this['aa'] = this['bb'] = this['cc'] = this['dd'] = this['ee'] = this['ff'] = 0
  }
}

/** Members that a small one has room for. */
const inSmall = 16

function emptyWith(make: unknown): new () => object {
  const made = make as new () => object
  made.prototype = Object.prototype
  return made
}

const SmallObject = emptyWith(Small)
const LargeObject = emptyWith(Large)

/**
 * A copy with these changes, for objects of which many are kept or made. V8 gives each result of
 * `{ ...object, name: value }` a hidden class of its own. That takes some hundred bytes, and whatever reads such objects is
 * never specialised for them.
 */
export function withChanges<T extends object, C extends object>(object: T, changes: C): T & C {
  const members = Object.keys(object).length + Object.keys(changes).length
  return Object.assign(members > inSmall ? new LargeObject() : new SmallObject(), object, changes)
}
