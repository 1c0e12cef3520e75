import { post } from '../letters.ts'
import type { Service } from '../service.ts'
import { allUsers, user } from '../words.ts'

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
      await post(at, 'A', 'a', [user('A')])
      await post(at, 'A', 'a', [user('A')])
    },
    B: async (at) => {
      await post(at, 'B', 'a', [user('B'), user('B'), `${user('B')}+list`])
      await post(at, 'B', 'a', [user('B'), 'nobody-of-that-name'])
    },
  },
}
