export const roles = ['viewer', 'reviewer', 'admin'] as const
/** Each may do all that the one before it may. */
export type Role = (typeof roles)[number]

export function mayAs(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && roles.indexOf(role) >= roles.indexOf(needed)
}
