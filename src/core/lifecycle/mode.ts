/** What a version gets for a deviation. */
export const modes = ['learn', 'alert', 'block'] as const
export type Mode = (typeof modes)[number]

export const versionStates = ['learning', 'review', 'enforced', 'incomplete'] as const
export type VersionState = (typeof versionStates)[number]
