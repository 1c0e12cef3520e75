import micromatch from 'micromatch'

/** As the sensor has it: places of all patterns, a bit each, in words that no pattern crosses. */
const placesOfWord = 64
const words = 8
/** Of what a unit lies in, and of what it is called: `*.slice` and `*.service`. */
const placesTaken = 16

/**
 * Globs of units as the sensor takes them: alternatives of braces one by one, `*` and `?`. A text says what is wrong.
 */
export function unitPatterns(globs: readonly string[]): readonly string[] | string {
  const patterns = globs.flatMap((glob) => micromatch.braces(glob, { expand: true }))
  const odd = patterns.find((pattern) => !/^[\w:\\*?-][\w:.@\\*?-]*$/.test(pattern))
  if (odd !== undefined) return `\`${odd}\` is no glob of a unit: \`*\`, \`?\` and braces only`
  let at = placesTaken
  for (const pattern of patterns) {
    const places = pattern.replaceAll('*', '').length + 1
    if (places > placesOfWord) return `\`${pattern}\` is too long`
    if ((at % placesOfWord) + places > placesOfWord) at += placesOfWord - (at % placesOfWord)
    at += places
  }
  const most = words * placesOfWord
  return at > most ? `has too many globs: together at most about ${most} characters` : patterns
}
