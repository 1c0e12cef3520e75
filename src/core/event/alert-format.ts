export const alertFormats = ['json', 'ecs', 'ocsf', 'cef', 'leef', 'falco'] as const
export type AlertFormat = (typeof alertFormats)[number]
