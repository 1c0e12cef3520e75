import protobuf from 'protobufjs/light.js'
import { describeError, SnugError } from '../../../../errors.ts'

/** The part of ttrpc and of NRI's `v1alpha1` that the agent uses, by the field numbers of their definitions. */
const definitions = {
  Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 } } },
  Request: {
    fields: {
      service: { type: 'string', id: 1 },
      method: { type: 'string', id: 2 },
      payload: { type: 'bytes', id: 3 },
      timeoutNano: { type: 'int64', id: 4 },
    },
  },
  Response: { fields: { status: { type: 'Status', id: 1 }, payload: { type: 'bytes', id: 2 } } },
  Empty: { fields: {} },
  RegisterPlugin: {
    fields: { pluginName: { type: 'string', id: 1 }, pluginIdx: { type: 'string', id: 2 } },
  },
  Configured: { fields: { events: { type: 'int32', id: 2 } } },
  Synchronize: {
    fields: {
      pods: { rule: 'repeated', type: 'Pod', id: 1 },
      containers: { rule: 'repeated', type: 'Container', id: 2 },
      more: { type: 'bool', id: 3 },
    },
  },
  Synchronized: { fields: { more: { type: 'bool', id: 2 } } },
  StateChange: {
    fields: {
      event: { type: 'int32', id: 1 },
      pod: { type: 'Pod', id: 2 },
      container: { type: 'Container', id: 3 },
    },
  },
  /** Of methods that newer runtimes call where older ones call `StateChange`. */
  Change: { fields: { pod: { type: 'Pod', id: 1 }, container: { type: 'Container', id: 2 } } },
  Pod: { fields: { id: { type: 'string', id: 1 }, uid: { type: 'string', id: 3 } } },
  Container: {
    fields: {
      id: { type: 'string', id: 1 },
      podSandboxId: { type: 'string', id: 2 },
      name: { type: 'string', id: 3 },
      state: { type: 'int32', id: 4 },
    },
  },
} as const

export interface NriPod {
  readonly id: string
  readonly uid: string
}

export interface NriContainer {
  readonly id: string
  readonly podSandboxId: string
  readonly name: string
  readonly state: number
}

export interface Messages {
  readonly Status: { readonly code: number; readonly message: string }
  readonly Request: {
    readonly service: string
    readonly method: string
    readonly payload: Uint8Array
    readonly timeoutNano: number
  }
  readonly Response: { readonly status?: Messages['Status'] | null; readonly payload: Uint8Array }
  readonly Empty: object
  readonly RegisterPlugin: { readonly pluginName: string; readonly pluginIdx: string }
  readonly Configured: { readonly events: number }
  readonly Synchronize: {
    readonly pods: readonly NriPod[]
    readonly containers: readonly NriContainer[]
    readonly more: boolean
  }
  readonly Synchronized: { readonly more: boolean }
  readonly StateChange: {
    readonly event: number
    readonly pod: NriPod | null
    readonly container: NriContainer | null
  }
  readonly Change: { readonly pod: NriPod | null; readonly container: NriContainer | null }
}

const root = protobuf.Root.fromJSON({ nested: definitions })

export function encodeMessage<Name extends keyof Messages>(
  name: Name,
  fields: Messages[Name],
): Buffer {
  return Buffer.from(root.lookupType(name).encode(fields).finish())
}

/** Absent fields have the defaults of the protocol. Errors: `NRI_PROTOCOL`. */
export function decodeMessage<Name extends keyof Messages>(
  name: Name,
  bytes: Uint8Array,
): Messages[Name] {
  const type = root.lookupType(name)
  try {
    return type.toObject(type.decode(bytes), { defaults: true, longs: Number }) as Messages[Name]
  } catch (error) {
    throw new SnugError('NRI_PROTOCOL', `no ${name}: ${describeError(error)}`)
  }
}
