import { expect, it } from 'vitest'
import { rootMount } from '../../src/identity/container-rootfs.ts'

const other = '36 35 98:0 / /proc rw,noatime - proc proc rw'
const rootWith = (options: string): string =>
  `${other}\n512 400 0:73 / / rw,relatime master:1 - overlay overlay rw,${options},workdir=/s/9/work\n`

it('tells the layers of an overlay, topmost first, however its options are written', () => {
  const told = { device: '0:73', upper: '/s/9/fs', lower: ['/s/2/fs', '/s/1/fs'] }
  expect(rootMount(rootWith('lowerdir=/s/2/fs:/s/1/fs,upperdir=/s/9/fs'))).toEqual(told)
  expect(rootMount(rootWith('lowerdir+=/s/2/fs,lowerdir+=/s/1/fs,upperdir=/s/9/fs'))).toEqual(told)
  expect(rootMount(rootWith(String.raw`lowerdir=/a\040b,upperdir=/s/9/fs`))).toMatchObject({
    lower: ['/a b'],
  })
})

it('takes the mount that is seen of several at the root', () => {
  const below = '500 400 8:1 / / rw - ext4 /dev/sda1 rw'
  const overlay = rootWith('lowerdir=/l,upperdir=/u')
  expect(rootMount(`${below}\n${overlay}`)).toMatchObject({ upper: '/u' })
  expect(rootMount(`${overlay}${below}\n`)).toBeUndefined()
})

it('tells nothing of what is no overlay that can be written', () => {
  for (const mountinfo of ['', other, rootWith('lowerdir=/l'), rootWith('upperdir=/u')]) {
    expect(rootMount(mountinfo)).toBeUndefined()
  }
})
