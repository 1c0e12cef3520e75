import { expect, it } from 'vitest'
import { labelChange } from '../../src/fleet/pod-labels.ts'
import { heldBefore, heldLabel } from '../../src/fleet/kubernetes/pod-containers.ts'

/** test/kube/pod-labels.test.ts has the label on a real API server. */
const set = (label: string | null, before?: string | null): object => ({
  labels: { [heldLabel]: label },
  ...(before === undefined ? {} : { annotations: { [heldBefore]: before } }),
})

it.each([
  ['without a label, held', undefined, undefined, 'network', set('network', '')],
  ['that a person labelled as not held', 'no', undefined, 'network', set('network', 'no')],
  ['held at another level', 'network', '', 'changes', set('changes')],
  ['labelled already', 'network', '', 'network', undefined],
  ['released', 'network', '', 'none', set(null, null)],
  ['released, with a label before', 'network', 'no', 'none', set('no', null)],
  ['with a label of a person', 'yes', undefined, 'network', undefined],
  ['released, with a label of a person', 'network', undefined, 'none', undefined],
  ['that a person labelled meanwhile', 'mine', '', 'none', { annotations: { [heldBefore]: null } }],
  ['of which nothing is known yet', 'network', '', undefined, undefined],
] as const)('a pod %s', (_, label, before, level, change) => {
  const pod = {
    labels: label === undefined ? {} : { [heldLabel]: label },
    ...(before === undefined ? {} : { heldBefore: before }),
  }
  expect(labelChange(pod, level)).toEqual(change)
})
