import { client, scratch } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem } from '../words.ts'

async function bring(at: Place, load: LoadName): Promise<string> {
  const name = `${stem(load)}.${pick(['bin', 'cfg', 'img'])}`
  await using folder = await scratch({ [name]: bytes(load).subarray(0, 20_000) })
  await client(['curl', '-sS', '-T', `${folder.path}/${name}`, `tftp://${at.address}/${name}`])
  return name
}

/** What devices boot from, and the settings that they leave: a process for each transfer. */
export const tftpd: Service = {
  name: 'tftpd',
  kind: 'net',
  packages: ['tftpd-hpa'],
  build: ['install -d -o tftp /srv/boot'],
  start:
    'exec /usr/sbin/in.tftpd --foreground --create --user tftp --permissive --secure /srv/boot',
  data: '/srv/boot',
  capabilities: ['SYS_CHROOT'],
  load: {
    A: async (at) => {
      const name = await bring(at, 'A')
      await client(['curl', '-sS', '-o', '/dev/null', `tftp://${at.address}/${name}`])
    },
    B: async (at) => {
      const name = await bring(at, 'B')
      await client(['curl', '-sS', '-o', '/dev/null', `tftp://${at.address}/${name}`])
      await client(['curl', '-sS', '-o', '/dev/null', `tftp://${at.address}/none.img`], {
        exits: [68, 69, 71],
      })
    },
  },
}
