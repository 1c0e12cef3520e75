import { imageAddress, type ImageAddress } from '../../supplychain/registry/image-address.ts'

/** An image as a pod names it. */
export interface PodImage {
  readonly name: string
  /** As the pod has it: `docker.io` where it names none. */
  readonly registry: string
  /** Absent where it is no name of an image. */
  readonly address?: ImageAddress
  readonly byDigest: boolean
}

const hub = 'docker.io'

/** A short name is one of Docker Hub, as all that run pods have it. */
export function podImage(name: string): PodImage {
  const [head = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(head) || head === 'localhost')
  const registry = hasHost ? head : hub
  const path = hasHost ? rest.join('/') : name
  const full = registry === hub && !path.includes('/') ? `library/${path}` : path
  const address = imageAddress(`${registry}/${full}`)
  const byDigest = address?.reference.startsWith('sha256:') === true
  return { name, registry, byDigest, ...(address === undefined ? {} : { address }) }
}
