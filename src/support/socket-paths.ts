import { readdirSync, type Stats, statSync } from 'node:fs'

/** A unix socket on this host. */
export interface UnixSocket {
  readonly path: string
  /** Of its owner. */
  readonly uid: number
}

/**
 * The sockets whose path fits the pattern, sorted by path.
 *
 * @param pattern an absolute path; `*` as a whole part of it stands for every folder there
 */
export function socketsOf(pattern: string): readonly UnixSocket[] {
  let paths = ['']
  for (const part of pattern.split('/').slice(1)) {
    paths = paths.flatMap((path) =>
      part === '*' ? namesIn(path).map((name) => `${path}/${name}`) : [`${path}/${part}`],
    )
  }
  return paths.flatMap((path) => {
    const stats = statOf(path)
    return stats?.isSocket() === true ? [{ path, uid: stats.uid }] : []
  })
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder === '' ? '/' : folder).sort()
  } catch {
    return []
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // In a folder that is closed to us.
    return undefined
  }
}
