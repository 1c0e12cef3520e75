import { readFileSync } from 'node:fs'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { ReviewPage } from '../../src/api/review-cards.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Agent } from '../fixtures/agent.ts'
import { execIn } from '../fixtures/containers.ts'
import type { Place } from './service.ts'

export type { Alert }

/** The most that one list gives. */
const most = '10000'

export async function alertsOf(agent: Agent, image: string): Promise<readonly Alert[]> {
  const all = await agent.json<Alert[]>(['alert', 'list', '--image', image, '--limit', most])
  return all.filter((alert) => `${alert.image?.repository}:${alert.image?.tag}` === image)
}

/** Alerts on events of the service itself: only the attacker enters its containers. */
export function isFalse({ type, process, summary }: Alert): boolean {
  const isAbout = type === 'deviation' || type === 'guardrail'
  return isAbout && summary === undefined && process?.origin !== 'exec-in'
}

/**
 * Somebody enters the container, which was never learned. Events are judged in order: once this one has its alert, all
 * before it were judged. Without that alert no silence means anything.
 * @throws where the alert does not come
 */
export async function controlled(agent: Agent, { docker, container }: Place): Promise<void> {
  // A program that the image did not ship is an alert also while a version learns.
  const brought = 'cp /usr/bin/head /tmp/control && exec /tmp/control -c 1 /proc/version'
  await execIn(docker, container, ['/bin/sh', '-c', brought])
  await agent.until<readonly Alert[]>(
    ['alert', 'list', '--container', container.id, '--limit', most],
    (alerts) => alerts.some(({ process }) => process?.origin === 'exec-in'),
  )
}

export interface LearnedProfile {
  /** As lists show them: a place is one, and what follows from the image's files is none. */
  readonly behaviours: number
  /** As it is exported. */
  readonly bytes: number
  readonly approved: readonly string[]
  /** The coverage sentence of `image show`. */
  readonly coverage: string
}

/** The learned profile of an image. A reviewer approves quarantined behaviours, since all are of the service. */
export async function learnedProfile(agent: Agent, image: string): Promise<LearnedProfile> {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  const kept = behaviours.filter(({ state }) => state === 'quarantined')
  if (kept.length > 0) {
    const ids = kept.map(({ id }) => id)
    await agent.json(['profile', 'approve', image, '--quarantined', '--behaviour', ...ids])
  }
  const exported = await agent.cli(['profile', 'export', image])
  return {
    behaviours: versions[0]?.behaviours ?? 0,
    bytes: Buffer.byteLength(exported.stdout),
    approved: kept.map(({ actor, text }) => `${actor.exe}: ${text}`),
    coverage: versions[0]?.coverage.sentence ?? '',
  }
}

export async function reviewCards(agent: Agent, image: string): Promise<number> {
  const repository = image.replace(/:[^:/]*$/, '')
  const page = await agent.json<ReviewPage>(['profile', 'review', '--image', repository])
  return page.total
}

/** Lines that a reviewer of the second version reads. */
export async function deltaOf(agent: Agent, from: string, to: string): Promise<readonly string[]> {
  const { stdout } = await agent.cli(['profile', 'diff', from, to])
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('+'))
    .map((line) => line.slice(1).trim())
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kib ?? 0) / 1_024)
}
