import type { Service } from '../service.ts'
import { allUsers } from '../words.ts'
import { filesByFtp } from './by-ftp.ts'

const config = `listen=YES
listen_ipv6=NO
background=YES
anonymous_enable=NO
local_enable=YES
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=/var/run/vsftpd/empty
pasv_min_port=40000
pasv_max_port=40200
xferlog_enable=YES
seccomp_sandbox=NO
pam_service_name=vsftpd
`

/** Accounts of the system that people put files to; a process for each session, which gives up its rights. */
export const vsftpd: Service = {
  name: 'vsftpd',
  kind: 'job',
  packages: ['vsftpd'],
  files: { '/etc/vsftpd-site.conf': config },
  build: allUsers.map((name) => `useradd -m -s /bin/sh -p "$(openssl passwd -6 secret)" ${name}`),
  start: `mkdir -p /var/run/vsftpd/empty
touch /var/log/vsftpd.log
/usr/sbin/vsftpd /etc/vsftpd-site.conf
exec tail -F /var/log/vsftpd.log`,
  port: 21,
  data: '/home/anna',
  load: filesByFtp,
}
