import { z } from 'zod'
import { count, text } from '../../api/view-parts.ts'
import type { View } from '../../core/view.ts'

/** A file of evidence on a node: the audit trail of its agent has it. */
export const fleetCase = z.object({
  id: text,
  node: text,
  /** 64 hex digits */
  container: text,
  time: text,
  by: text,
  reason: text,
  state: text,
  sha256: text.meta({ description: 'of the compressed file' }),
  bytes: count,
  because: z.enum(['alert', 'container']).meta({
    description:
      '`alert`: captured for an alert of the incident; `container`: later, of its container',
  }),
})
export type FleetCase = View<typeof fleetCase>
