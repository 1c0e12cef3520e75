import { type Turn, talk } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { allUsers, prose, stem, user } from '../words.ts'

const config = `primary_hostname = mx.example.org
domainlist local_domains = example.org
acl_smtp_rcpt = check
acl_smtp_data = take
never_users = root
begin acl
check:
  require verify = recipient
  accept
take:
  accept
begin routers
people:
  driver = accept
  domains = +local_domains
  check_local_user
  local_part_suffix = +*
  local_part_suffix_optional
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = /home/$local_part_data/Maildir
  maildir_format
  create_directory
`

async function post(at: Place, load: LoadName, to: readonly string[]): Promise<void> {
  const receivers: readonly Turn[] = to.map((name) => [
    `RCPT TO:<${name}@example.org>\r\n`,
    load === 'A' ? /^2\d\d /m : /^[25]\d\d /m,
  ])
  await talk(at, 25, [
    ['', /^220 /],
    [`HELO ${load.toLowerCase()}.example.net\r\n`, /^250 /m],
    ['MAIL FROM:<a@example.net>\r\n', /^250 /m],
    ...receivers,
    ['DATA\r\n', /^354 /m],
    [`Subject: ${stem(load)}\r\n\r\n${prose(load)}\r\n.\r\n`, /^250 /m],
    ['QUIT\r\n', /^221 /m],
  ])
}

/** Letters to accounts of the system; a process for each letter. */
export const exim: Service = {
  name: 'exim',
  kind: 'mail',
  packages: ['exim4-daemon-light'],
  files: { '/etc/exim4/exim4.conf': config },
  build: allUsers.map((name) => `useradd -m ${name}`),
  start: 'exec /usr/sbin/exim4 -bdf -q1m',
  port: 25,
  data: '/var/spool/exim4',
  load: {
    A: async (at) => {
      await post(at, 'A', [user('A')])
      await post(at, 'A', [user('A')])
    },
    B: async (at) => {
      await post(at, 'B', [user('B'), user('B'), `${user('B')}+list`])
      await post(at, 'B', [user('B'), 'nobody-of-that-name'])
    },
  },
}
