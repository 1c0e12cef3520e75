import type { ImageRef } from '../../core/event/event.ts'
import { behaviourKinds } from '../../core/event/event-words.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { Steps } from '../../core/steps.ts'
import { type Exportable, type Exported, exportableSteps } from './allowed.ts'
import { apparmor } from './apparmor.ts'
import { containerProfile } from './container-profile.ts'
import { falco } from './falco.ts'
import { inToto } from './in-toto.ts'
import { kubeArmor, networkPolicy } from './kubernetes.ts'
import { profileDocumentSteps } from './profile-document.ts'
import { seccomp } from './seccomp.ts'
import { securityContext } from './security-context.ts'
import { tetragon } from './tetragon.ts'

export const exportFormats = [
  'snug',
  'seccomp',
  'apparmor',
  'security-context',
  'networkpolicy',
  'kubearmor',
  'tetragon',
  'falco',
  'in-toto',
  'container-profile',
] as const
export type ExportFormat = (typeof exportFormats)[number]

const writers: Readonly<Record<Exclude<ExportFormat, 'snug'>, (what: Exportable) => Exported>> = {
  seccomp,
  apparmor,
  'security-context': securityContext,
  networkpolicy: networkPolicy,
  kubearmor: kubeArmor,
  tetragon,
  falco,
  'in-toto': inToto,
  'container-profile': containerProfile,
}

/**
 * The profile in another format, and what that format cannot express. `snug` is the whole profile, with its evidence.
 *
 * @param observed kinds of events that were observed while it was learned; absent: all
 * @param doubts gaps in the evidence, as text
 */
export function* exportSteps(
  format: ExportFormat,
  image: ImageRef,
  profile: Profile,
  observed?: ReadonlySet<string>,
  doubts: readonly string[] = [],
): Steps<Exported> {
  if (format === 'snug') {
    yield* profile.settleSteps()
    const entries = profile.snapshot((entry) => entry.toJSON())
    return { text: yield* profileDocumentSteps(image, entries, observed), notes: [] }
  }
  const what = yield* exportableSteps(image, profile, watchedKinds(observed), doubts)
  yield
  return writers[format](what)
}

/** In their order; absent: all. */
export function watchedKinds(observed?: ReadonlySet<string>): readonly string[] {
  return behaviourKinds.filter((kind) => observed?.has(kind) !== false)
}
