import { signal, talk, type Turn } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { allUsers, prose, stem, user } from '../words.ts'

const main = `compatibility_level = 3.10
myhostname = mail.example
mydestination = mail.example, localhost
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
home_mailbox = Maildir/
maillog_file = /var/log/mail.log
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
smtp_host_lookup = native
smtpd_peername_lookup = no
`

function mail(load: LoadName, to: string): readonly Turn[] {
  const text = `Subject: ${stem(load)}\r\n\r\n${prose(load).replaceAll(/(.{70}) /g, '$1\r\n')}`
  return [
    [`MAIL FROM:<${user(load)}@mail.example>\r\n`, /^250/],
    [`RCPT TO:<${to}@mail.example>\r\n`, /^250/],
    ['DATA\r\n', /^354/],
    [`${text}\r\n.\r\n`, /^250/],
  ]
}

const hello: readonly Turn[] = [
  ['', /^220/],
  ['EHLO client.example\r\n', /^250 /m],
]

export const postfix: Service = {
  name: 'postfix',
  kind: 'mail',
  packages: ['postfix'],
  files: { '/etc/postfix/main.cf': main, '/etc/aliases': 'office: elif, farid\n' },
  build: [
    ...allUsers.map((name) => `useradd -m ${name}`),
    '[ -f /etc/postfix/master.cf ] || cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf',
    "postconf -F '*/*/chroot = n'",
    'newaliases',
  ],
  start: 'exec /usr/sbin/postfix start-fg',
  port: 25,
  data: '/home/anna/Maildir/new',
  load: {
    A: async (at) => {
      await talk(at, 25, [...hello, ...mail('A', user('A')), ['QUIT\r\n', /^221/]])
    },
    B: async (at) => {
      const letters = [user('B'), user('A'), 'office'].flatMap((to) => mail('B', to))
      const errors: Turn[] = [
        [`VRFY ${user('B')}\r\n`, /^252/],
        ['MAIL FROM:<x@elsewhere.example>\r\n', /^250/],
        ['RCPT TO:<nobody-here@mail.example>\r\n', /^550/],
        ['RSET\r\n', /^250/],
      ]
      await talk(at, 25, [...hello, ...letters, ...errors, ['QUIT\r\n', /^221/]])
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
