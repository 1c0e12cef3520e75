import { type Turn, talk } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { allUsers, prose, stem, user } from '../words.ts'

const config = `table aliases file:/etc/aliases
listen on 0.0.0.0
action "keep" maildir alias <aliases>
match from any for domain "example.org" action "keep"
`

async function post(at: Place, load: LoadName, to: readonly string[]): Promise<void> {
  const receivers: readonly Turn[] = to.map((name) => [
    `RCPT TO:<${name}@example.org>\r\n`,
    load === 'A' ? /^2\d\d /m : /^[25]\d\d /m,
  ])
  await talk(at, 25, [
    ['', /^220 /],
    [`HELO ${load.toLowerCase()}.example.net\r\n`, /^250 /m],
    [`MAIL FROM:<${stem(load).replaceAll(/[^a-z0-9]/gi, '')}@example.net>\r\n`, /^250 /m],
    ...receivers,
    ['DATA\r\n', /^354 /m],
    [`Subject: ${stem(load)}\r\n\r\n${prose(load)}\r\n.\r\n`, /^250 /m],
    ['QUIT\r\n', /^221 /m],
  ])
}

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
      await post(at, 'A', [user('A')])
      await post(at, 'A', [user('A')])
    },
    B: async (at) => {
      await post(at, 'B', [user('B'), user('B'), `${user('B')}+list`])
      await post(at, 'B', [user('B'), 'nobody-of-that-name'])
      await talk(at, 25, [
        ['', /^220 /],
        ['NONSENSE\r\n', /^5\d\d /m],
      ])
    },
  },
}
