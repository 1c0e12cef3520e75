import { afterAll, beforeAll } from 'vitest'
import {
  EbpfSource,
  type EbpfSourceOptions,
} from '../../src/agent/pipeline/sources/ebpf/ebpf-source.ts'
import { type SourceUnderTest, sourceSuite } from '../contract/source-suite.ts'
import { buildImage, Container, removeTree } from './container.ts'

let image: string
beforeAll(() => {
  image = buildImage()
})
afterAll(() => {
  removeTree(image)
})

const expected = Array.from({ length: 23 }, (_, n) => `/data/file-${n}`)

function under(options: Partial<EbpfSourceOptions> = {}): SourceUnderTest {
  let container: Container | undefined
  return {
    source: new EbpfSource({ node: 'n1', ...options }),
    expected,
    // Other containers of this host are seen too: only this one's files are of the test.
    name: (event) =>
      event.kind === 'file' && event.container.id === container?.id
        ? dataFile(event.file.path)
        : undefined,
    act: async () => {
      container = new Container(image)
      await container.run('known')
    },
    dispose: async () => container?.stop(),
  }
}

function dataFile(path: string): string | undefined {
  return expected.includes(path) ? path : undefined
}

sourceSuite({
  name: 'ebpf',
  make: async () => under(),
  makeIdle: async () => under(),
  makeLossy: {
    why: 'a test does not choose how many acts a full ring loses; the flood in lifecycle.test.ts compares them with what was done',
  },
  makeBroken: async () => ({
    ...under({ sensorPath: '/nowhere/snug-sensor' }),
    code: 'SENSOR_UNAVAILABLE',
  }),
})
