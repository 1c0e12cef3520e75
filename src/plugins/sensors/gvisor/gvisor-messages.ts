import protobuf from 'protobufjs/light.js'
import { describeError, SnugError } from '../../../errors.ts'

const context = { context: { type: 'Context', id: 1 } }
const call = { ...context, exit: { type: 'Exit', id: 2 } }

/** The part of gVisor's trace that Snug reads, by the field numbers of its published definitions. */
const definitions = {
  Credentials: {
    fields: { uid: { type: 'uint32', id: 2 }, gid: { type: 'uint32', id: 5 } },
  },
  Context: {
    fields: {
      timeNs: { type: 'int64', id: 1 },
      process: { type: 'int32', id: 4 },
      container: { type: 'string', id: 6 },
      credentials: { type: 'Credentials', id: 7 },
      cwd: { type: 'string', id: 8 },
    },
  },
  Exit: { fields: { result: { type: 'int64', id: 1 }, errno: { type: 'int64', id: 2 } } },
  Start: { fields: { ...context, args: { rule: 'repeated', type: 'string', id: 4 } } },
  Clone: { fields: { ...context, created: { type: 'int32', id: 4 } } },
  Exec: {
    fields: {
      ...context,
      path: { type: 'string', id: 2 },
      args: { rule: 'repeated', type: 'string', id: 3 },
    },
  },
  Ended: { fields: context },
  Open: {
    fields: {
      ...call,
      folder: { type: 'string', id: 5 },
      path: { type: 'string', id: 6 },
      flags: { type: 'uint32', id: 7 },
    },
  },
  Connect: {
    fields: { ...call, fd: { type: 'int64', id: 4 }, address: { type: 'bytes', id: 6 } },
  },
  Socket: { fields: { ...call, kind: { type: 'int32', id: 5 } } },
  SetId: { fields: call },
} as const

interface Traced {
  readonly context: {
    /** Since 1970. */
    readonly timeNs: number
    /** In the sandbox. */
    readonly process: number
    readonly container: string
    /** The effective ones. */
    readonly credentials: { readonly uid: number; readonly gid: number } | null
    readonly cwd: string
  } | null
}

interface Call extends Traced {
  readonly exit: { readonly result: number; readonly errno: number } | null
}

export type GvisorMessage =
  | (Traced & { readonly name: 'Start'; readonly args: readonly string[] })
  | (Traced & { readonly name: 'Clone'; readonly created: number })
  | (Traced & { readonly name: 'Exec'; readonly path: string; readonly args: readonly string[] })
  | (Traced & { readonly name: 'Ended' })
  | (Call & {
      readonly name: 'Open'
      /** What a relative path is relative to; empty: the working folder. */
      readonly folder: string
      readonly path: string
      readonly flags: number
    })
  | (Call & { readonly name: 'Connect'; readonly fd: number; readonly address: Buffer })
  | (Call & { readonly name: 'Socket'; readonly kind: number })
  | (Call & { readonly name: 'SetId' })

type Name = GvisorMessage['name']

const names: ReadonlyMap<number, Name> = new Map([
  [1, 'Start'],
  [2, 'Clone'],
  [3, 'Exec'],
  [4, 'Ended'],
  [7, 'Open'],
  [10, 'Connect'],
  [12, 'Socket'],
  [14, 'SetId'],
  [15, 'SetId'],
])
const root = protobuf.Root.fromJSON({ nested: definitions })
const types = new Map([...names].map(([number, name]) => [number, root.lookupType(name)]))
const headerLeast = 8

/** A packet of gVisor's sink `remote`. */
export interface GvisorPacket {
  /** That its sandbox could not send so far, modulo 2^32. */
  readonly dropped: number
  /** The number of its type where Snug reads nothing of that type. */
  readonly message: GvisorMessage | number
}

/** Errors: `EVENT_INVALID`. */
export function readPacket(bytes: Buffer): GvisorPacket {
  const size = bytes.length < headerLeast ? headerLeast : bytes.readUInt16LE(0)
  if (size < headerLeast || bytes.length < size) throw invalid('it has no header')
  const number = bytes.readUInt16LE(2)
  const dropped = bytes.readUInt32LE(4)
  const [name, type] = [names.get(number), types.get(number)]
  if (name === undefined || type === undefined) return { dropped, message: number }
  try {
    const fields = type.toObject(type.decode(bytes.subarray(size)), {
      defaults: true,
      longs: Number,
    })
    return { dropped, message: { ...fields, name } as GvisorMessage }
  } catch (error) {
    throw invalid(describeError(error))
  }
}

function invalid(why: string): SnugError {
  return new SnugError('EVENT_INVALID', `the packet is no message of gVisor: ${why}`)
}
