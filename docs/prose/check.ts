import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ProseChecker, type ProseFault } from './check-texts.ts'
import { placeOf, places, textFiles } from './places.ts'

/**
 * Checks the language of what people read: `npm run check:prose`. Names of places (`places.ts`) as arguments check
 * only these, also where they are pending.
 */
const root = fileURLToPath(new URL('../../', import.meta.url))
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !places.some((place) => place.name === name))
if (unknown.length > 0) {
  console.error(
    `no place \`${unknown.join(', ')}\`; there is: ${places.map(({ name }) => name).join(', ')}`,
  )
  process.exit(64)
}
const chosen = places.filter((place) =>
  asked.length > 0 ? asked.includes(place.name) : place.pending !== true,
)
const checker = new ProseChecker(readFileSync(`${root}docs/glossary.md`, 'utf8'))
const faults: ProseFault[] = []
for (const file of textFiles(root)) {
  const place = placeOf(file.path)
  if (place !== undefined && chosen.includes(place)) faults.push(...(await checker.faults(file)))
}
for (const { path, line, message } of faults) console.error(`${path}:${line}: ${message}`)
if (faults.length > 0) {
  console.error(
    `${faults.length} faults of language: docs/glossary.md and CONTRIBUTING.md have the rules`,
  )
  process.exitCode = 1
}
