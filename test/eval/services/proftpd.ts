import type { Service } from '../service.ts'
import { allUsers } from '../words.ts'
import { filesByFtp } from './by-ftp.ts'

const config = `Include /etc/proftpd/modules.conf
ServerName box
ServerType standalone
DefaultServer on
RequireValidShell off
UseReverseDNS off
UseIPv6 off
WtmpLog off
Port 21
User proftpd
Group nogroup
Umask 022
DefaultRoot ~
PassivePorts 40000 40200
PidFile /run/proftpd.pid
ScoreboardFile /run/proftpd.scoreboard
SystemLog /var/log/proftpd.log
TransferLog /var/log/xferlog
<Directory />
  AllowOverwrite yes
</Directory>
`

/** Accounts of the system that people put files to. */
export const proftpd: Service = {
  name: 'proftpd',
  kind: 'job',
  packages: ['proftpd-core'],
  files: { '/etc/proftpd/site.conf': config },
  build: allUsers.map((name) => `useradd -m -s /bin/sh -p "$(openssl passwd -6 secret)" ${name}`),
  start: 'exec /usr/sbin/proftpd --nodaemon -c /etc/proftpd/site.conf',
  port: 21,
  data: '/home/anna',
  load: filesByFtp,
}
