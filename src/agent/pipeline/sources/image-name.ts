import type { ImageRef } from '../../../core/event/event.ts'

/**
 * An image as sensors name it, `repository[:tag]@sha256:…` or in parts. Undefined without a digest:
 * a tag alone does not identify the version, so the agent queries the container's engine.
 */
export function imageOf(
  name: string | undefined,
  digest?: string,
  tagGiven?: string,
): ImageRef | undefined {
  if (name === undefined) return undefined
  // Docker below Kubernetes adds a scheme: `docker-pullable://nginx@sha256:…`.
  const [named = '', inName] = name.replace(/^[a-z-]+:\/\//, '').split('@')
  const sum = digest?.slice(digest.indexOf('@') + 1) ?? inName
  if (named === '' || sum === undefined || !/^sha256:[0-9a-f]+$/.test(sum)) return undefined
  // A colon before the last slash belongs to the registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = colon === -1 ? named : named.slice(0, colon)
  const tag = tagGiven ?? (colon === -1 ? undefined : named.slice(colon + 1))
  return { repository, ...(tag === undefined ? {} : { tag }), digest: sum }
}

/** The id of a container, from `containerd://551e…`; without a container the id is `host`. */
export function containerId(text: string | undefined): string {
  if (text === undefined) return hostId
  const id = text.slice(text.lastIndexOf('/') + 1)
  return id === '' ? hostId : id
}

/**
 * The id of events outside of containers, or of a container that the sensor did not recognise.
 * Never profiled.
 */
export const hostId = 'host'
