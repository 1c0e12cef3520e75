import type { View } from '../view.ts'
import type * as schema from './event-schema.ts'

/**
 * The event, v1: one observed action. The contract's shape is also the shape in the pipeline, so
 * that recording, replay, judging and delivery use the same data.
 *
 * Paths are absolute inside the container's root and canonical; addresses are canonical; times are
 * RFC 3339 UTC. The source makes them so once (see `canonical.ts`, `parse-event.ts`).
 */
export type SnugEvent = ActEvent | LossEvent
export type ActEvent =
  | ExecEvent
  | FileEvent
  | ConnectEvent
  | ListenEvent
  | IdentityEvent
  | CapabilityEvent
  | SyscallEvent

export type ExecEvent = View<typeof schema.execEvent>
export type FileEvent = View<typeof schema.fileEvent>
export type ConnectEvent = View<typeof schema.connectEvent>
export type ListenEvent = View<typeof schema.listenEvent>
export type IdentityEvent = View<typeof schema.identityEvent>
export type CapabilityEvent = View<typeof schema.capabilityEvent>
export type SyscallEvent = View<typeof schema.syscallEvent>
export type LossEvent = View<typeof schema.lossEvent>

export type ContainerRef = View<typeof schema.containerRef>
export type ImageRef = View<typeof schema.imageRef>
export type WorkloadRef = View<typeof schema.workloadRef>
export type ProcessRef = View<typeof schema.processRef>
export type LossSpan = View<typeof schema.lossSpan>
export type ExecutedFile = View<typeof schema.executedFile>
export type ExecAct = View<typeof schema.execAct>
export type FileAct = View<typeof schema.fileAct>
export type ConnectAct = View<typeof schema.connectAct>
export type UserIds = View<typeof schema.userIds>
export type IdentityAct = View<typeof schema.identityAct>
export type SyscallAct = View<typeof schema.syscallAct>
