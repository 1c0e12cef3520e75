import { describe, expect, it } from 'vitest'
import { knownRuntimes } from '../../../src/core/sight/runtime-table.ts'
import { runtimeName, Runtimes } from '../../../src/core/sight/runtimes.ts'

const shipped = new Runtimes({ ownKernel: [], hostKernel: [] })

describe('a runtime', () => {
  it.each([
    ['io.containerd.runsc.v1', 'runsc'],
    ['io.containerd.kata-qemu.v2', 'kata-qemu'],
    ['/usr/bin/containerd-shim-kata-v2', 'kata'],
    ['/usr/local/bin/runsc', 'runsc'],
    ['aws.firecracker', 'aws.firecracker'],
    ['runc', 'runc'],
  ])('that is reported as %s has the name %s', (reported, name) => {
    expect(runtimeName(reported)).toBe(name)
  })

  it.each([
    [['runsc']],
    [['io.containerd.kata.v2']],
    [['gvisor']],
    // The name is an operator's, and so is the file that its program links to.
    [['runc', '/usr/local/bin/runsc']],
    [['io.containerd.runc.v2', '/usr/bin/kata-runtime']],
    [['fast', '/opt/fast', '/usr/local/bin/runsc']],
  ])('%j has its own kernel', (reported) => {
    expect(shipped.blindness(reported)?.why).toBe('own-kernel')
  })

  it.each([
    [['runc']],
    [['io.containerd.runc.v2']],
    [['io.containerd.runc.v2', '/usr/bin/crun']],
    [['standard', '/usr/bin/crun']],
    [['nvidia', '/usr/bin/nvidia-container-runtime']],
    [undefined],
  ])('%j runs containers on the kernel of the host', (reported) => {
    expect(shipped.blindness(reported)).toBeUndefined()
  })

  it.each([
    [['fast']],
    [['runc', '/opt/wrapper']],
    [['io.containerd.wasmtime.v1']],
    // Part of a known name is none.
    [['not-runc']],
    [['crun-vm']],
  ])('%j is not trusted, as nobody knows it', (reported) => {
    expect(shipped.blindness(reported)?.why).toBe('unproven')
  })

  it('is what the operator configures it as, against the table too', () => {
    const own = new Runtimes({ ownKernel: ['fast', 'crun'], hostKernel: ['slow*', 'rune'] })
    expect(own.blindness(['fast'])).toEqual({ why: 'own-kernel', runtime: 'fast' })
    expect(own.blindness(['crun'])?.why).toBe('own-kernel')
    expect(own.blindness(['slow-one'])).toBeUndefined()
    expect(own.blindness(['rune'])).toBeUndefined()
  })
})

it('the table names a source for each runtime, and no runtime is in it twice', () => {
  const names = knownRuntimes.flatMap((known) => known.names)
  expect(new Set(names).size).toBe(names.length)
  for (const { source } of knownRuntimes) expect(new URL(source).protocol).toBe('https:')
})
