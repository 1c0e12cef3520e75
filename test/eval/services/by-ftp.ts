import { client, scratch } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, stem, user } from '../words.ts'

async function ftp(
  at: Place,
  who: string,
  path: string,
  more: readonly string[] = [],
  exits: readonly number[] = [0],
): Promise<string> {
  const login = ['-s', '-S', '-m', '20', '-u', who, ...more]
  return client(['curl', ...login, `ftp://${at.address}/${path}`], { exits })
}

async function put(at: Place, load: LoadName, who: string, path: string): Promise<void> {
  await using folder = await scratch({ file: bytes(load) })
  await ftp(at, `${who}:secret`, path, ['--ftp-create-dirs', '-T', `${folder.path}/file`])
}

/** People who put files to their accounts by FTP, take them back, and rename them. */
export const filesByFtp: Service['load'] = {
  A: async (at) => {
    const who = user('A')
    const name = `${stem('A')}.txt`
    await put(at, 'A', who, name)
    await put(at, 'A', who, `${stem('A')}/${stem('A')}.dat`)
    await ftp(at, `${who}:secret`, name)
    await ftp(at, `${who}:secret`, '')
  },
  B: async (at) => {
    const who = user('B')
    const folder = stem('B')
    const name = `${stem('B')}.csv`
    await put(at, 'B', who, `${folder}/${name}`)
    await put(at, 'B', who, `${folder}/${stem('B')}.txt`)
    const rename = ['-Q', `-RNFR ${name}`, '-Q', `-RNTO ${stem('B')}.csv`]
    await ftp(at, `${who}:secret`, `${folder}/`, rename)
    await ftp(at, `${who}:secret`, `${stem('B')}-none`, [], [9, 19, 78])
    await ftp(at, `${who}:wrong`, '', [], [67])
  },
}
