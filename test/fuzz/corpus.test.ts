import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { commandSeeds, reportFrames } from './sensor-seeds.ts'

const folder = new URL('corpus/', import.meta.url)
/** Programs in C, to which `run.ts` gives their inputs. */
const inC = ['commands', 'paths']
const inputs = readdirSync(folder)
  .filter((target) => !inC.includes(target))
  .flatMap((target) =>
    readdirSync(new URL(`${target}/`, folder)).map((name) => [target, name] as const),
  )

type Target = Readonly<{ fuzz: (data: Buffer) => unknown }>

it.each(inputs)('%s takes or refuses %s', async (target, name) => {
  const { fuzz } = (await import(`./targets/${target}.ts`)) as Target
  const work = async (): Promise<unknown> =>
    fuzz(readFileSync(new URL(`${target}/${name}`, folder)))
  await expect(work()).resolves.toBeUndefined()
})

it('every target has inputs to begin with', () => {
  const targets = readdirSync(new URL('targets/', import.meta.url))
    .filter((name) =>
      readFileSync(new URL(`targets/${name}`, import.meta.url), 'utf8').includes('fuzz('),
    )
    .map((name) => name.replace('.ts', ''))
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(targets))
})

// Fuzzing would begin with frames that the other side refuses by their version.
it.each(Object.entries({ ...commandSeeds(), reports: reportFrames() }))(
  '%s is what the daemon and the sensor send today: `npx tsx test/fuzz/seeds.ts` writes it',
  (name, bytes) => {
    const target = name === 'reports' ? 'frames' : 'commands'
    expect(readFileSync(new URL(`${target}/${name}`, folder))).toEqual(bytes)
  },
)
