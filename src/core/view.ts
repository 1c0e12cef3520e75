import { z } from 'zod'

/** The type that a schema describes, for data that nobody changes. */
export type View<Schema extends z.ZodType> = Frozen<z.infer<Schema>>

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

/** A word of a list that later versions may add to. */
export function openWord<const Words extends readonly string[]>(
  words: Words,
): z.ZodUnion<[z.ZodEnum<{ [Word in Words[number]]: Word }>, z.ZodString]> {
  return z.union([z.enum(words), z.string()])
}

/** An object that later versions may add members to. Its type has only those of this version. */
export function openObject<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  return z.looseObject(shape) as unknown as z.ZodObject<Shape>
}
