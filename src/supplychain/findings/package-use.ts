/**
 * `in-use`: a program of the package ran. `loaded`: a file of it was mapped or opened. `not-seen`: none was, as far as
 * the coverage goes. `unknown`: its own files, or the opened files, cannot be determined.
 */
export const packageUses = ['in-use', 'loaded', 'unknown', 'not-seen'] as const
export type PackageUse = (typeof packageUses)[number]

/** `629: 12 in use, 30 loaded, 0 not known, 587 not seen` */
export function countsText(counts: Readonly<Record<PackageUse, number>>): string {
  const { 'in-use': used, loaded, unknown, 'not-seen': unseen } = counts
  const all = used + loaded + unknown + unseen
  return `${all}: ${used} in use, ${loaded} loaded, ${unknown} not known, ${unseen} not seen`
}
