import { afterEach, beforeEach, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/run-program.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { createKubectlProgram } from '../../src/kubectl/kubectl-program.ts'
import { cli, type CliResult } from '../fixtures/cli-fixtures.ts'
import { digestOf } from '../fixtures/kube-pods.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'

/** `kubectl snug` beside agents of a later version. */
const image = { repository: 'shop/web', digest: digestOf('web') }
const by = { by: 'ann', at: '2026-11-24T12:00:00.000Z' }
const later = { behaviour: nodeEntry('/a', 'n1').id, action: 'forget', ...by, since: 'monday' }
let fleet: SimulatedFleet

beforeEach(async () => {
  fleet = await SimulatedFleet.start()
  fleet.profile(image, { spec: { decisions: [later] } })
})
afterEach(async () => {
  await fleet[Symbol.asyncDispose]()
})

function kubectl(...args: readonly string[]): Promise<CliResult> {
  const all = [...args, '--kubeconfig', fleet.kubeconfig]
  return cli(all, {}, (given, io) => runProgram(createKubectlProgram(io), given, io))
}

it('lists the profiles that it reads, and names the others on standard error with a code', async () => {
  const other = { repository: 'shop/db', digest: digestOf('db') }
  fleet.profile(other, { spec: { authority: 'council' } })
  const { exit, stdout, stderr } = await kubectl('images')
  expect(exit).toBe(0)
  expect(stdout).toMatch(/^shop-web-/m)
  expect(stdout).not.toMatch(/^shop-db-/m)
  expect(stderr).toMatch(/`shop-web-\w+` .*a part is left out, .*\(KUBE_OBJECT_INVALID\)/)
  expect(stderr).toMatch(/`shop-db-\w+` .*authority.*\(KUBE_OBJECT_INVALID\)/)
})

it('keeps a decision of a later version, with all of its members, where a person adds another', async () => {
  const id = nodeEntry('/b', 'n1').id
  const { exit, stdout } = await kubectl(
    'approve',
    'shop/web',
    '--behaviour',
    id,
    '--yes',
    '-o',
    'json',
  )
  expect(exit).toBe(0)
  const { spec } = JSON.parse(stdout) as ImageProfile
  expect(spec.decisions).toEqual([later, expect.objectContaining({ behaviour: id })])
})
