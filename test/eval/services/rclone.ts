import { expectStatus, web } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem, user } from '../words.ts'

const port = 8080

function put(at: Place, load: LoadName, folder: string): Promise<string> {
  const path = `${folder}/${stem(load)}.${pick(['txt', 'html', 'py', 'png', 'conf'])}`
  return expectStatus(201, at, path, {
    port,
    method: 'PUT',
    body: new Uint8Array(bytes(load)),
  }).then(() => path)
}

async function folderOf(at: Place, load: LoadName): Promise<string> {
  const home = `/${user(load)}`
  await web(at, home, { port, method: 'MKCOL' })
  const folder = `${home}/${stem(load)}`
  await web(at, folder, { port, method: 'MKCOL' })
  return folder
}

/** Files that people keep on a server, by WebDAV. */
export const rclone: Service = {
  name: 'rclone',
  kind: 'job',
  packages: ['rclone'],
  build: ['install -d -o www-data /srv/files'],
  user: 'www-data',
  start:
    'exec /usr/bin/rclone serve webdav /srv/files --addr :8080 --vfs-cache-mode writes --cache-dir /var/tmp/rclone --config /tmp/none.conf',
  port,
  data: '/srv/files',
  load: {
    A: async (at) => {
      const path = await put(at, 'A', await folderOf(at, 'A'))
      await expectStatus(200, at, path, { port })
    },
    B: async (at) => {
      const folder = await folderOf(at, 'B')
      const path = await put(at, 'B', folder)
      const second = await put(at, 'B', folder)
      await web(at, path, {
        port,
        method: 'MOVE',
        headers: { destination: `http://${at.address}:${port}${folder}/${stem('B')}.txt` },
      })
      await web(at, second, { port, method: 'DELETE' })
      await expectStatus(404, at, `${folder}/none.txt`, { port })
    },
  },
}
