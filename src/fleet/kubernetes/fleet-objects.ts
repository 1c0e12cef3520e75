import type { Mode } from '../../core/lifecycle/mode.ts'
import type { Author } from '../../core/lifecycle/author.ts'
import type { DecidedSpec } from '../../core/lifecycle/decided-spec.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { type FleetImage, fleetImage, profileName, shortHash } from '../fleet-image.ts'
import type { KubeObject } from './object.ts'
import type { SliceHead } from '../slices/slice-head.ts'

export const fleetGroup = 'snug.dev'
export const fleetVersion = 'v1alpha1'
const apiVersion = `${fleetGroup}/${fleetVersion}`
export const fleetRoot = `/apis/${apiVersion}`
export const imageProfiles = { group: fleetGroup, version: fleetVersion, plural: 'imageprofiles' }
/** Of the pods with agents. */
export const agentLabel = 'app.kubernetes.io/component=agent'

/**
 * One version of one lineage: the decisions of people and git in `spec`, and its state in `status`. Without a scope,
 * its decisions count in every scope of the image, once the window has ended there.
 */
export interface ImageProfile extends KubeObject {
  readonly spec: DecidedSpec & {
    readonly image: FleetImage
    readonly mode?: Author & { readonly value: Mode }
    readonly authority?: 'operator' | 'git'
  }
  readonly status?: ImageProfileStatus
}

export interface ImageProfileStatus {
  readonly state: string
  readonly mode: string
  readonly behaviours: number
  readonly pending: number
  readonly nodes: number
  readonly observedGeneration: number
  readonly conditions: readonly Condition[]
}

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
}

/** A part of one node's observations of one version. Only that node may write it. */
export interface ProfileSlice extends KubeObject, SliceHead {
  readonly image: FleetImage
  readonly node: string
  readonly entries: readonly ProfileEntry[]
}

/**
 * Ends with the node's name, so that a policy of the API server can compare it with the node of the writer: see
 * deploy/kubernetes/policy. The first dot separates: neither a profile's name nor a number has one.
 */
export function sliceName(image: FleetImage, node: string, page: number): string {
  return `${profileName(image)}-${page}.${node}`
}

/** The page that the name of a slice has; undefined where it is not the name of that node's slice of that image. */
export function pageOf(name: string, image: FleetImage, node: string): number | undefined {
  const page = Number(/^[a-z0-9-]+-(\d{1,6})\./.exec(name)?.[1])
  return sliceName(image, node, page) === name ? page : undefined
}

/** By these labels the objects of a node are found. */
export function nodeLabels(node: string): Readonly<Record<'snug.dev/node', string>> {
  return { 'snug.dev/node': shortHash(node) }
}

export function sliceObject(
  image: FleetImage,
  node: string,
  number: number,
  owner: KubeObject,
  content: SliceHead & { readonly entries: readonly ProfileEntry[] },
  resourceVersion?: string,
): object {
  return {
    apiVersion,
    kind: 'ProfileSlice',
    metadata: {
      name: sliceName(image, node, number),
      labels: nodeLabels(node),
      // Deleting the profile removes the observations of all nodes.
      ownerReferences: [
        {
          apiVersion,
          kind: 'ImageProfile',
          name: owner.metadata.name,
          uid: owner.metadata.uid,
        },
      ],
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    image: fleetImage(image),
    node,
    ...content,
  }
}

export function profileObject(image: FleetImage): object {
  return {
    apiVersion,
    kind: 'ImageProfile',
    metadata: { name: profileName(image) },
    spec: { image: fleetImage(image) },
  }
}
