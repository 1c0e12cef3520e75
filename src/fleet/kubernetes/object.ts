import type { V1ListMeta, V1ObjectMeta, V1OwnerReference, V1Status } from '@kubernetes/client-node'
import type { ZodType } from 'zod'

/**
 * A type of the client library as the server's JSON has it: times are texts (RFC 3339), and no name has the underscore
 * that the library puts before words of the language.
 */
export type AsSent<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly AsSent<Item>[]
    : T extends object
      ? { readonly [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: AsSent<T[Key]> }
      : T

/** A schema for each member of a type of the client library: the compiler finds one that is missing. */
export type MembersOf<T> = { readonly [Key in keyof Required<AsSent<T>>]: ZodType }

/** A schema for some members of it: the compiler finds one that the type does not have. */
export type SomeMembersOf<T> = Partial<MembersOf<T>>

export type OwnerReference = AsSent<V1OwnerReference>

/** The server gives these to every object that it stores. */
export type ObjectMeta = AsSent<V1ObjectMeta> & {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

/** What every API object has. */
export interface KubeObject {
  readonly metadata: ObjectMeta
}

export interface ObjectList {
  readonly metadata: AsSent<V1ListMeta> & { readonly resourceVersion: string }
  readonly items: readonly KubeObject[] | null
}

export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: unknown
}

/** Of a line of the type `ERROR`. */
export type WatchError = AsSent<V1Status>
