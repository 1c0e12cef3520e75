import protobuf from 'protobufjs/light.js'

/** The part of containerd's API that the agent uses, by the field numbers of its published definitions (1.7 and 2). */
const definitions = {
  Empty: { fields: {} },
  Filters: { fields: { filters: { rule: 'repeated', type: 'string', id: 1 } } },
  Any: { fields: { value: { type: 'bytes', id: 2 } } },
  ById: { fields: { id: { type: 'string', id: 1 } } },
  Namespace: { fields: { name: { type: 'string', id: 1 } } },
  Namespaces: { fields: { namespaces: { rule: 'repeated', type: 'Namespace', id: 1 } } },
  Runtime: { fields: { name: { type: 'string', id: 1 }, options: { type: 'Any', id: 2 } } },
  /** Of `io.containerd.runc.v2`: the program that it runs instead of runc. */
  RuncOptions: { fields: { binaryName: { type: 'string', id: 6 } } },
  Task: { fields: { id: { type: 'string', id: 2 }, status: { type: 'uint32', id: 4 } } },
  OneTask: { fields: { process: { type: 'Task', id: 1 } } },
  KillTask: { fields: { id: { type: 'string', id: 1 }, signal: { type: 'uint32', id: 3 } } },
  ByFilter: { fields: { filter: { type: 'string', id: 1 } } },
  Tasks: { fields: { tasks: { rule: 'repeated', type: 'Task', id: 1 } } },
  Container: {
    fields: {
      id: { type: 'string', id: 1 },
      labels: { keyType: 'string', type: 'string', id: 2 },
      image: { type: 'string', id: 3 },
      runtime: { type: 'Runtime', id: 4 },
      spec: { type: 'Any', id: 5 },
    },
  },
  OneContainer: { fields: { container: { type: 'Container', id: 1 } } },
  Containers: { fields: { containers: { rule: 'repeated', type: 'Container', id: 1 } } },
  ByName: { fields: { name: { type: 'string', id: 1 } } },
  Descriptor: { fields: { digest: { type: 'string', id: 2 } } },
  Image: { fields: { target: { type: 'Descriptor', id: 3 } } },
  OneImage: { fields: { image: { type: 'Image', id: 1 } } },
  ByDigest: { fields: { digest: { type: 'string', id: 1 } } },
  Content: { fields: { data: { type: 'bytes', id: 2 } } },
  Envelope: {
    fields: {
      namespace: { type: 'string', id: 2 },
      topic: { type: 'string', id: 3 },
      event: { type: 'Any', id: 4 },
    },
  },
  /** Of every event about a container; `execId` is the container's own where its first process ended. */
  ContainerEvent: {
    fields: { containerId: { type: 'string', id: 1 }, execId: { type: 'string', id: 2 } },
  },
} as const

/** By its `status`. A task whose status the runtime does not know has none of these. */
export const taskStatus = { created: 1, running: 2, stopped: 3, paused: 4, pausing: 5 } as const

/** Of a task that has begun and not ended. */
export const runningTask: ReadonlySet<number> = new Set([
  taskStatus.running,
  taskStatus.paused,
  taskStatus.pausing,
])

export type MessageName = keyof typeof definitions

export interface ContainerdContainer {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** As the client named it; empty for containers of Docker. */
  readonly image: string
  readonly runtime: Messages['Runtime'] | null
  /** The OCI runtime specification, as JSON. */
  readonly spec: { readonly value: Uint8Array } | null
}

export interface Messages {
  readonly Empty: object
  /** Any of them; none is everything. */
  readonly Filters: { readonly filters: readonly string[] }
  readonly Any: { readonly value: Uint8Array }
  readonly ById: { readonly id: string }
  readonly Namespace: { readonly name: string }
  readonly Namespaces: { readonly namespaces: readonly Messages['Namespace'][] }
  readonly Runtime: { readonly name: string; readonly options: Messages['Any'] | null }
  readonly RuncOptions: { readonly binaryName: string }
  readonly Task: { readonly id: string; readonly status: number }
  readonly OneTask: { readonly process: Messages['Task'] | null }
  readonly KillTask: { readonly id: string; readonly signal: number }
  readonly ByFilter: { readonly filter: string }
  readonly Tasks: { readonly tasks: readonly Messages['Task'][] }
  readonly Container: ContainerdContainer
  readonly OneContainer: { readonly container: ContainerdContainer | null }
  readonly Containers: { readonly containers: readonly ContainerdContainer[] }
  readonly ByName: { readonly name: string }
  readonly Descriptor: { readonly digest: string }
  readonly Image: { readonly target: Messages['Descriptor'] | null }
  readonly OneImage: { readonly image: Messages['Image'] | null }
  readonly ByDigest: { readonly digest: string }
  readonly Content: { readonly data: Uint8Array }
  readonly Envelope: {
    readonly namespace: string
    readonly topic: string
    readonly event: Messages['Any'] | null
  }
  readonly ContainerEvent: { readonly containerId: string; readonly execId: string }
}

const root = protobuf.Root.fromJSON({ nested: definitions })

export function encodeMessage<Name extends MessageName>(
  name: Name,
  fields: Messages[Name],
): Buffer {
  return Buffer.from(root.lookupType(name).encode(fields).finish())
}

/** Absent fields have the defaults of the protocol. Throws where the bytes are no such message. */
export function decodeMessage<Name extends MessageName>(
  name: Name,
  bytes: Uint8Array,
): Messages[Name] {
  const type = root.lookupType(name)
  return type.toObject(type.decode(bytes), { defaults: true }) as Messages[Name]
}
