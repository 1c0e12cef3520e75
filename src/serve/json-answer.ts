import type { Context } from 'hono'
import { jsonPieces } from '../support/json-pieces.ts'
import type { Slices } from '../support/slices.ts'

/** An answer in JSON. A long one becomes text beside judging, and is sent as its reader takes it. */
export async function jsonAnswer(c: Context, body: object, slices: Slices): Promise<Response> {
  const pieces = await slices.run('answer', jsonPieces(body))
  const type = { 'content-type': 'application/json' }
  const [first, ...others] = pieces
  if (others.length === 0)
    return c.body((first ?? new Uint8Array()) as Uint8Array<ArrayBuffer>, 200, type)
  let next = 0
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = pieces[next++]
      if (piece === undefined) controller.close()
      else controller.enqueue(piece)
    },
  })
  return c.body(stream, 200, type)
}
