import { signal, talk, type Turn } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { prose, stem, user } from '../words.ts'

const config = `dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap
ssl = no
auth_allow_cleartext = yes
log_path = /var/log/dovecot.log
mail_driver = maildir
mail_path = ~/Maildir
first_valid_uid = 1
namespace inbox {
  inbox = yes
}
passdb static {
  password = secret
}
userdb static {
  fields {
    uid = vmail
    gid = vmail
    home = /srv/mail/%{user}
  }
}
`

const ask = (command: string): Turn => [`a ${command}\r\n`, /^a (OK|NO|BAD)/m]

function append(load: LoadName, folder: string): readonly Turn[] {
  const text = `Subject: ${stem(load)}\r\n\r\n${prose(load)}\r\n`
  return [
    [`a APPEND ${folder} {${text.length}}\r\n`, /^\+/],
    [`${text}\r\n`, /^a OK/m],
  ]
}

const inbox = (load: LoadName): readonly Turn[] => [
  ['', /^\* OK/],
  ask(`LOGIN ${user(load)} secret`),
  ask('SELECT INBOX'),
]

/** Mailboxes that people read by IMAP. */
export const dovecot: Service = {
  name: 'dovecot',
  kind: 'mail',
  packages: ['dovecot-imapd'],
  files: { '/etc/dovecot/dovecot.conf': config },
  build: ['useradd -r vmail', 'install -d -o vmail -g vmail /srv/mail'],
  start: 'exec /usr/sbin/dovecot -F -c /etc/dovecot/dovecot.conf',
  port: 143,
  data: '/srv/mail',
  load: {
    A: async (at) => {
      const turns = [...append('A', 'INBOX'), ask('FETCH 1 BODY[]'), ask('STORE 1 +FLAGS \\Seen')]
      await talk(at, 143, [...inbox('A'), ...turns, ask('LOGOUT')])
    },
    B: async (at) => {
      const folder = stem('B').replaceAll('.', '-')
      const letters = [...append('B', 'INBOX'), ...append('B', 'INBOX'), ask('CHECK')]
      const turns = [ask(`CREATE ${folder}`), ask(`COPY 1 ${folder}`), ask('SEARCH BODY amber')]
      const more = [ask('STORE 1 +FLAGS \\Deleted'), ask('EXPUNGE'), ask('SELECT nowhere')]
      await talk(at, 143, [...inbox('B'), ...letters, ...turns, ...more, ask('LOGOUT')])
      await talk(at, 143, [['', /^\* OK/], ask('NONSENSE')])
    },
  },
  maintain: (at, load) => signal(at, load === 'A' ? 'HUP' : 'USR1'),
}
