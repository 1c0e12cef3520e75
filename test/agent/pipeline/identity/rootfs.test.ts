import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { foldersOf, rootMount } from '../../../../src/agent/pipeline/identity/container-rootfs.ts'

const host = mkdtempSync('/tmp/snug-rootfs-')
for (const folder of ['s/1/fs', 's/2/fs', 's/9/fs', 's/8-init/diff', 's/l', 'etc/x/fs']) {
  mkdirSync(join(host, folder), { recursive: true })
}
symlinkSync('../2/fs', join(host, 's/l/SHORT'))
afterAll(() => rmSync(host, { recursive: true }))

const other = '36 35 98:0 / /proc rw,noatime - proc proc rw'
const rootWith = (options: string): string =>
  `${other}\n512 400 0:73 / / rw,relatime master:1 - overlay overlay rw,${options},workdir=/s/9/work\n`

it('reads the layers of an overlay, topmost first, however its options are written', () => {
  const reported = { device: '0:73', upper: '/s/9/fs', lower: ['/s/2/fs', '/s/1/fs'] }
  expect(rootMount(rootWith('lowerdir=/s/2/fs:/s/1/fs,upperdir=/s/9/fs'))).toEqual(reported)
  expect(rootMount(rootWith('lowerdir+=/s/2/fs,lowerdir+=/s/1/fs,upperdir=/s/9/fs'))).toEqual(
    reported,
  )
  expect(rootMount(rootWith(String.raw`lowerdir=/a\040b,upperdir=/s/9/fs`))).toMatchObject({
    lower: ['/a b'],
  })
})

it('takes the visible one of several mounts at the root', () => {
  const below = '500 400 8:1 / / rw - ext4 /dev/sda1 rw'
  const overlay = rootWith('lowerdir=/l,upperdir=/u')
  expect(rootMount(`${below}\n${overlay}`)).toMatchObject({ upper: '/u' })
  expect(rootMount(`${overlay}${below}\n`)).toBeUndefined()
})

it('returns nothing for a mount that is no writable overlay', () => {
  for (const mountinfo of ['', other, rootWith('lowerdir=/l'), rootWith('upperdir=/u')]) {
    expect(rootMount(mountinfo)).toBeUndefined()
  }
})

it('finds the layers of containerd and of Docker, without the one that the engine adds', () => {
  const found = {
    upper: join(host, 's/9/fs'),
    layers: ['s/2/fs', 's/1/fs'].map((at) => join(host, at)),
  }
  for (const lower of [
    ['/s/2/fs', '/s/1/fs'],
    ['2/fs', '1/fs'],
    ['/s/8-init/diff', '/s/l/SHORT', '/s/1/fs'],
  ]) {
    expect(foldersOf({ device: '0:73', upper: '/s/9/fs', lower }, host)).toEqual(found)
  }
})

it('takes no folder for a layer that is not beside the others, or is gone', () => {
  for (const lower of [['/etc/x/fs'], ['/s/2/fs', '/etc/x/fs'], ['/s/7/fs'], ['../etc/x/fs']]) {
    expect(foldersOf({ device: '0:73', upper: '/s/9/fs', lower }, host)).toBeUndefined()
  }
  expect(foldersOf({ device: '0:73', upper: '9/fs', lower: ['/s/2/fs'] }, host)).toBeUndefined()
})
