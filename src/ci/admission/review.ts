import type { V1Container, V1ImageVolumeSource, V1PodSpec, V1Volume } from '@kubernetes/client-node'
import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { SomeMembersOf } from '../../fleet/kubernetes/object.ts'
import { visible } from '../../agent/pipeline/delivery/format/line-text.ts'
import type { Decision } from './decide.ts'

const apiVersion = 'admission.k8s.io/v1'
const kind = 'AdmissionReview'

const ofContainer = { image: z.string().nullish() } satisfies SomeMembersOf<V1Container>
const containers = z.array(z.looseObject(ofContainer)).nullish()
const image = { reference: z.string().nullish() } satisfies SomeMembersOf<V1ImageVolumeSource>
const volume = { image: z.looseObject(image).nullish() } satisfies SomeMembersOf<V1Volume>
const pod = z.looseObject({
  spec: z
    .looseObject({
      initContainers: containers,
      containers,
      ephemeralContainers: containers,
      volumes: z.array(z.looseObject(volume)).nullish(),
    } satisfies SomeMembersOf<V1PodSpec>)
    .nullish(),
  /** For `EphemeralContainers`, the object of the subresource before Kubernetes 1.22. */
  ephemeralContainers: containers,
})
type Pod = z.output<typeof pod>

const review = z.looseObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  request: z.looseObject({
    uid: z.string().min(1).max(256),
    resource: z.looseObject({ group: z.string(), resource: z.string() }),
    namespace: z.string().max(253).default(''),
    name: z.string().max(253).default(''),
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    object: pod.nullish(),
    oldObject: pod.nullish(),
  }),
})

/** The API server's request. */
export interface PodReview {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** Each image once, of containers of every kind and of volumes; of a pod that is changed those that are new in it. */
  readonly images: readonly string[]
}

/** Errors: BODY_INVALID, also for a review of something other than pods */
export function parseReview(value: unknown): PodReview {
  const parsed = review.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue?.path.map(String).join('.') ?? ''
    throw new SnugError('BODY_INVALID', `it is not a ${kind} of ${apiVersion}: \`${where}\``)
  }
  const { uid, resource, namespace, name, operation, object, oldObject } = parsed.data.request
  if (resource.group !== '' || resource.resource !== 'pods') {
    throw new SnugError(
      'BODY_INVALID',
      `the webhook checks pods only, not \`${resource.resource}\``,
    )
  }
  const asked = operation === 'CREATE' || operation === 'UPDATE'
  const before = new Set(imagesOf(oldObject))
  // Running pods are not judged again: finalizers must still be able to release a pod whose profile has expired.
  const images = asked ? imagesOf(object).filter((image) => !before.has(image)) : []
  return { uid, namespace, name, images: [...new Set(images)] }
}

function imagesOf(of: Pod | null | undefined): readonly string[] {
  const { spec, ephemeralContainers } = of ?? {}
  // A volume with the files of an image (Kubernetes 1.31): its programs run in the pod as any other's.
  const ofVolumes = (spec?.volumes ?? []).flatMap(({ image }) =>
    image === undefined || image === null ? [] : [image.reference ?? ''],
  )
  const ofContainers = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
    ...(ephemeralContainers ?? []),
  ].map(({ image }) => image ?? '')
  return [...ofContainers, ...ofVolumes]
}

/** Clients cut longer warnings. */
const warningLength = 256
const messageLength = 2_048

/** The answer. The API server shows its message and warnings to the pod's creator. */
export function reviewAnswer(uid: string, decision: Decision): object {
  const { verdict, allowed, warns, reasons } = decision
  const shown = reasons.map(visible)
  const message = cut(`snug: ${shown.join('; ')}`, messageLength)
  return {
    apiVersion,
    kind,
    response: {
      uid,
      allowed,
      ...(allowed ? {} : { status: { code: 403, reason: 'Forbidden', message } }),
      ...(allowed && warns
        ? { warnings: shown.map((reason) => cut(`snug: ${reason}`, warningLength)) }
        : {}),
      auditAnnotations: {
        verdict,
        ...(shown.length === 0 ? {} : { reasons: cut(shown.join('; '), messageLength) }),
      },
    },
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
