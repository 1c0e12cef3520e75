import type { ImageRef, WorkloadRef } from './event.ts'

/** Whose evidence counts for whom: of all containers of an image, of a namespace, or of a workload. */
export const profileScopes = ['cluster', 'namespace', 'workload'] as const
export type ProfileScope = (typeof profileScopes)[number]

/** `repository`, or `repository#scope`: what versions of an image follow each other, and for whom. */
export function lineageName({ repository, scope }: Pick<ImageRef, 'repository' | 'scope'>): string {
  return scope === undefined ? repository : `${repository}#${scope}`
}

/** `repository@digest`, or `repository#scope@digest`: one version of one lineage. */
export function imageKey(image: Pick<ImageRef, 'repository' | 'scope' | 'digest'>): string {
  return `${lineageName(image)}@${image.digest}`
}

/** Whether both are about the same version of the same lineage, under whatever tags. */
export function isSameImage(a: ImageRef | undefined, b: ImageRef): boolean {
  return a?.repository === b.repository && a.digest === b.digest && a.scope === b.scope
}

/** The image, for all containers. */
export function unscoped<T extends ImageRef>(image: T): Omit<T, 'scope'> {
  const { scope: _, ...rest } = image
  return rest
}

/** The scope of a container of that workload; undefined where all containers share one, or it has no workload. */
export function scopeOf(by: ProfileScope, workload: WorkloadRef | undefined): string | undefined {
  if (by === 'cluster' || workload === undefined) return undefined
  const { namespace, kind, name } = workload
  if (by === 'namespace') return namespace
  return [namespace, kind, name].filter((part) => part !== undefined).join('/')
}

/** The image as containers of that workload have it. */
export function scopedImage(
  by: ProfileScope,
  image: ImageRef,
  workload: WorkloadRef | undefined,
): ImageRef {
  const scope = scopeOf(by, workload)
  return scope === undefined || image.scope === scope ? image : { ...image, scope }
}
