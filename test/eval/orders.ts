import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place } from './service.ts'
import { bytes, pick, stem } from './words.ts'

export interface Order {
  readonly files: number
  readonly extensions: readonly string[]
  /** The folder of each file in the order; absent: of load A none, and of load B a new one each. */
  readonly folder?: () => string
  /** Whose it is, in a file of that name. */
  readonly owner?: string
}

/** A folder of files for a worker, which comes by a rename: the worker never sees half of it. */
export function order(at: Place, load: LoadName, { files, ...order }: Order): Promise<void> {
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.job`)]
  if (existsSync(job)) return Promise.resolve()
  const { extensions, folder = () => (load === 'A' ? '' : stem(load)), owner } = order
  mkdirSync(draft, { recursive: true })
  if (owner !== undefined) writeFileSync(join(draft, 'owner'), owner)
  for (let i = 0; i < files; i++) {
    const inside = join(draft, folder())
    mkdirSync(inside, { recursive: true })
    writeFileSync(join(inside, `${stem(load)}.${pick(extensions)}`), bytes(load))
  }
  renameSync(draft, job)
  return Promise.resolve()
}
