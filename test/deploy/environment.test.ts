import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { shippedEnvironment } from '../fixtures/shipped-environment.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8')

it.each(['Dockerfile', 'release/oci-layout.mjs'])(
  '%s gives the agent the environment that the service gives it',
  (file) => {
    const text = read(file)
    const set = [...text.matchAll(/\b(MALLOC_\w+|NODE_OPTIONS)=([\w=-]+)/g)].map(
      ([, name, value]) => [name, value],
    )
    expect(set).toEqual(Object.entries(shippedEnvironment()))
  },
)
