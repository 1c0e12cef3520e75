import { type ProfileScope, scopedImage } from '../../../core/event/image-key.ts'
import { changedEngine } from './changed-engine.ts'
import type { IdentityEngine } from './identity.ts'

/** The engine, with the scope of each container in its image. */
export function scopedEngine(engine: IdentityEngine, by: ProfileScope): IdentityEngine {
  if (by === 'cluster') return engine
  return changedEngine(engine, (identity) => ({
    ...identity,
    image: scopedImage(by, identity.image, identity.workload),
  }))
}
