import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { layersOf } from '../../../src/supplychain/image/image-manifest.ts'
import { ImageTree } from '../../../src/supplychain/image/image-tree.ts'
import { contentsOf, layers, savedImage } from '../../fixtures/scan-fixtures.ts'

it('reads the output of `docker save`, compressed or not, with layers in the order of its manifest', async () => {
  for (const squeeze of [(layer: Buffer) => layer, (layer: Buffer) => gzipSync(layer)]) {
    const { facts, tree } = await contentsOf(await savedImage(layers, squeeze))
    expect(facts).toEqual({
      imageId: `sha256:${'a'.repeat(64)}`,
      names: ['shop/web:2'],
      user: 'web',
      diffIds: layers.map(() => expect.stringMatching(/^sha256:[0-9a-f]{64}$/)),
    })
    expect(tree.has('/usr/sbin/nginx')).toBe(true)
    expect(tree.read('/app/node_modules/lodash/package.json')).toContain('4.17.4')
    // Only texts of package databases are kept.
    expect(tree.read('/usr/sbin/nginx')).toBeUndefined()
  }
})

it('knows the image of an OCI layout by its config, its manifest, and the index above', () => {
  const found = layersOf(
    new Map<string, unknown>([
      ['index.json', { manifests: [{ digest: 'sha256:i' }] }],
      ['blobs/sha256/i', { manifests: [{ digest: 'sha256:m' }] }],
      ['blobs/sha256/m', { config: { digest: 'sha256:c' }, layers: [{ digest: 'sha256:l' }] }],
    ]),
  )
  expect(found).toMatchObject({ imageId: 'sha256:c', names: ['@sha256:i', '@sha256:m'] })
})

it('has a layer hide, replace and empty what lies below it', () => {
  const tree = new ImageTree()
  const file = (path: string) => ({ path, kind: 'file' }) as const
  tree.addLayer([file('/a/1'), file('/a/2'), file('/b/1'), file('/c')])
  tree.addLayer([
    file('/a/.wh.1'),
    file('/b/.wh..wh..opq'),
    file('/b/2'),
    { path: '/c', kind: 'folder' },
  ])
  tree.addLayer([file('/c/1')])
  expect([...tree.filesIn('/')]).toEqual(['/a/2', '/b/2', '/c/1'])
})

it('follows links within the image, and stops at a ring', () => {
  const tree = new ImageTree()
  const link = (path: string, target: string) => ({ path, kind: 'link', target }) as const
  tree.addLayer([
    link('/lib', 'usr/lib'),
    link('/up', '../../../usr'),
    link('/abs', '/usr/lib'),
    link('/ring', 'ring'),
    link('/usr/lib/x.so', 'x.so.1'),
    { path: '/usr/lib/x.so.1', kind: 'file' },
  ])
  expect(tree.resolve('/lib/x.so')).toBe('/usr/lib/x.so.1')
  expect(tree.placeOf('/lib/x.so')).toBe('/usr/lib/x.so')
  expect(tree.resolve('/up/lib/../lib')).toBe('/usr/lib')
  expect(tree.resolve('/abs/none/at/all')).toBe('/usr/lib/none/at/all')
  expect(tree.resolve('/ring/x')).toBe('/ring/x')
})

it('refuses an invalid image, or several, by code', async () => {
  const wrong = [Buffer.alloc(0), Buffer.alloc(1024), Buffer.from('hello'.repeat(400))]
  for (const bytes of wrong) {
    await expect(contentsOf(bytes)).rejects.toThrow()
  }
})
