import { readPackageDatabase } from '../../../src/supplychain/image/package-databases.ts'

/** Databases of dpkg and apk: pieces of the input, under the names that a piece begins with. */
export function fuzz(data: Buffer): void {
  const files = new Map<string, string>()
  for (const piece of data.toString('utf8').split('\0')) {
    const end = piece.indexOf('\n')
    if (end > 0) files.set(piece.slice(0, end), piece.slice(end + 1))
  }
  readPackageDatabase({
    read: (path) => files.get(path),
    list: (folder) =>
      [...files.keys()].flatMap((path) =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [],
      ),
  })
}
