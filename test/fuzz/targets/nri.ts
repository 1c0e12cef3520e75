import { NriSession } from '../../../src/agent/pipeline/identity/nri/nri-link.ts'
import { coded } from './expect-coded.ts'

/** What a container runtime sends to its plugin, in pieces. Only ids reach the agent. */
export function fuzz(data: Buffer): void {
  const take = ({ id }: { readonly id: string }): void => {
    if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`no id: ${id}`)
  }
  const handlers = {
    present: (subjects: readonly { readonly id: string }[]) => {
      for (const subject of subjects) take(subject)
    },
    created: take,
    starting: async (subject: { readonly id: string }) => take(subject),
    removed: (id: string) => take({ id }),
  }
  const session = new NriSession(handlers, () => undefined)
  const cut = (data[0] ?? 0) % (data.length + 1)
  coded(() => {
    for (const piece of [data.subarray(1, cut), data.subarray(Math.max(1, cut))]) {
      session.read(piece)
    }
  })
}
