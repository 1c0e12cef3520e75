import type { z } from 'zod'

/** The type that a schema describes, for data that nobody changes. */
export type View<Schema extends z.ZodType> = Frozen<z.infer<Schema>>

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T
