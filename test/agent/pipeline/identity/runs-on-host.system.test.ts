import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  cgroupHierarchy,
  runsOnHost,
} from '../../../../src/agent/pipeline/identity/container-rootfs.ts'
import { busyboxRoot } from '../../../fixtures/busybox-root.ts'
import { removeCgroup } from '../../../fixtures/cgroups.ts'

const hierarchy = cgroupHierarchy() ?? ''
let name: string
let image: string
let folder: string
let child: ChildProcess | undefined

beforeEach(() => {
  name = `snug-sight-${randomBytes(4).toString('hex')}`
  mkdirSync(join(hierarchy, name))
  image = busyboxRoot()
  // The temporary file system of this host need not carry an overlay's upper layer.
  folder = mkdtempSync('/var/tmp/snug-sight-')
  for (const each of ['upper', 'work', 'root']) mkdirSync(join(folder, each))
})

afterEach(async () => {
  if (child !== undefined) {
    const ended = once(child, 'exit')
    writeFileSync(join(hierarchy, name, 'cgroup.kill'), '1')
    await ended
    child = undefined
  }
  await removeCgroup(join(hierarchy, name))
  for (const each of [image, folder]) rmSync(each, { recursive: true, force: true })
})

/** Runs the command in a mount namespace where `root` is an overlay of the image, and in the cgroup. */
async function run(command: string): Promise<void> {
  const setUp = [
    'set -e',
    `echo $$ >${join(hierarchy, name, 'cgroup.procs')}`,
    `mount -t overlay overlay -o lowerdir=${image},upperdir=${folder}/upper,workdir=${folder}/work ${folder}/root`,
    `cd ${folder}/root`,
    command,
  ].join('\n')
  const args = ['-m', '--propagation', 'private', 'sh', '-c', setUp]
  child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout === null) throw new Error('it has no output')
  await once(createInterface({ input: child.stdout }), 'line')
}

it('a program of the image is proof that this kernel runs the container', async () => {
  await run(
    `exec chroot . /bin/busybox sh -c 'echo ready; read line </dev/null; while :; do sleep 600; done'`,
  )
  expect(runsOnHost(`/${name}`)).toBe(true)
})

it('a program of the host is none, also with the image as its root, and a file of its name there', async () => {
  const program = execFileSync('sh', ['-c', 'command -v perl'], { encoding: 'utf8' }).trim()
  mkdirSync(join(image, 'usr/bin'), { recursive: true })
  writeFileSync(join(image, program), '#!/bin/sh\n', { mode: 0o755 })
  expect(existsSync(join(image, program))).toBe(true)
  await run(`exec ${program} -e '$| = 1; chroot "." or die; chdir "/"; print "ready\\n"; sleep'`)
  expect(runsOnHost(`/${name}`)).toBe(false)
})

it('nor is a program of the host in its own root, and neither is an empty cgroup', async () => {
  expect(runsOnHost(`/${name}`)).toBe(false)
  await run(`exec /bin/busybox sh -c 'echo ready; while :; do sleep 600; done'`)
  expect(runsOnHost(`/${name}`)).toBe(false)
  expect(runsOnHost('')).toBe(false)
})
