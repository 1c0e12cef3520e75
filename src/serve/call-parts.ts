/** The IMAGE of a path with `:ref`. */
export function ref(params: Readonly<Record<string, string>>): string {
  return params['ref'] ?? ''
}

/** Who decided, with the reason where one was given. */
export function because<T extends object>(
  by: T,
  text: string | undefined,
): T & { reason?: string } {
  return text === undefined ? by : { ...by, reason: text }
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Members that are `undefined` are left out, as the facade's optional members want it. */
export function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as Present<T>
}
