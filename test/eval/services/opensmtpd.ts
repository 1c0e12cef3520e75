import { talk } from '../clients.ts'
import { post } from '../letters.ts'
import type { LoadName, Service } from '../service.ts'
import { allUsers, stem, user } from '../words.ts'

const config = `table aliases file:/etc/aliases
listen on 0.0.0.0
action "keep" maildir alias <aliases>
match from any for domain "example.org" action "keep"
`

const sender = (load: LoadName): string => stem(load).replaceAll(/[^a-z0-9]/gi, '')

/** Letters to accounts of the system; a process for each part of the work, and one for each delivery. */
export const opensmtpd: Service = {
  name: 'opensmtpd',
  kind: 'mail',
  packages: ['opensmtpd'],
  files: { '/etc/smtpd.conf': config, '/etc/mailname': 'mx.example.org\n', '/etc/aliases': '\n' },
  build: allUsers.map((name) => `useradd -m ${name}`),
  // Nothing answers here: it would wait for the names of its clients.
  start: `echo 'nameserver 127.0.0.1' >/etc/resolv.conf
exec /usr/sbin/smtpd -d -f /etc/smtpd.conf`,
  port: 25,
  data: '/var/spool/smtpd',
  load: {
    A: async (at) => {
      await post(at, 'A', sender('A'), [user('A')])
      await post(at, 'A', sender('A'), [user('A')])
    },
    B: async (at) => {
      await post(at, 'B', sender('B'), [user('B'), user('B'), `${user('B')}+list`])
      await post(at, 'B', sender('B'), [user('B'), 'nobody-of-that-name'])
      await talk(at, 25, [
        ['', /^220 /],
        ['NONSENSE\r\n', /^5\d\d /m],
      ])
    },
  },
}
