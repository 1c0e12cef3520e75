import { expectStatus, signal, web } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const site = `ServerName localhost
DavLockDB /var/lib/shared/lock
<VirtualHost *:80>
  DocumentRoot /var/www/html
  Alias /shared /var/lib/shared/files
  <Directory /var/lib/shared/files>
    Dav On
    Require all granted
  </Directory>
</VirtualHost>
`

/** Pages, and a shared folder by WebDAV. */
export const apache2: Service = {
  name: 'apache2',
  kind: 'web',
  packages: ['apache2'],
  files: {
    '/etc/apache2/sites-enabled/000-default.conf': site,
    '/var/www/html/index.html': '<h1>home</h1>\n',
    '/var/www/html/style.css': 'h1 { color: teal }\n',
  },
  build: [
    'a2enmod -q dav dav_fs',
    'install -d -o www-data -g www-data /var/lib/shared /var/lib/shared/files',
  ],
  start: `. /etc/apache2/envvars
mkdir -p /var/run/apache2
exec /usr/sbin/apache2 -D FOREGROUND`,
  port: 80,
  data: '/var/lib/shared/files',
  load: {
    A: async (at) => {
      await expectStatus(200, at, '/')
      for (let i = 0; i < 4; i++) {
        const path = `/shared/${user('A')}-${stem('A')}.txt`
        await web(at, path, { method: 'PUT', body: prose('A') })
        await expectStatus(200, at, path)
      }
      await web(at, '/shared/', { method: 'PROPFIND', headers: { depth: '1' } })
    },
    B: async (at) => {
      await expectStatus(200, at, '/style.css')
      await expectStatus(404, at, `/${stem('B')}.php`)
      const paths = Array.from({ length: 6 }, () => `/shared/${stem('B')}.txt`)
      for (const path of paths) await web(at, path, { method: 'PUT', body: bytes('B') })
      const [first = '', second = '', third = ''] = paths
      const destination = `http://${at.address}${third}.old`
      await web(at, third, { method: 'MOVE', headers: { destination } })
      await web(at, first, { method: 'DELETE' })
      await web(at, second, { headers: { range: 'bytes=10-20' } })
    },
  },
  maintain: (at) => signal(at, 'USR1'),
}
