import { createConnection } from 'node:net'
import { once } from 'node:events'
import { type Turn, conversation } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { allUsers, bytes, stem, user } from '../words.ts'

const config = `listen=YES
background=NO
local_enable=YES
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
pasv_enable=YES
xferlog_enable=YES
log_ftp_protocol=YES
secure_chroot_dir=/var/run/vsftpd/empty
pam_service_name=vsftpd
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
`

/** Logs in, goes through these transfers, each with a data connection, and ends by these commands. */
async function session(
  at: Place,
  load: LoadName,
  transfers: readonly (readonly [command: string, data?: Buffer])[],
  last: readonly Turn[],
): Promise<void> {
  await using control = await conversation(at, 21)
  await control.turn(['', /^220/])
  await control.turn([`USER ${user(load)}\r\n`, /^331/])
  await control.turn(['PASS secret\r\n', /^230/])
  for (const [command, data] of transfers) {
    const answer = await control.turn(['PASV\r\n', /^227.*\r\n/])
    const [high = 0, low = 0] = (/(\d+),(\d+)\)/.exec(answer) ?? []).slice(1).map(Number)
    const socket = createConnection({ host: at.address, port: high * 256 + low })
    const closed = once(socket, 'close')
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no end of ${command}`)))
    await once(socket, 'connect')
    await control.turn([`${command}\r\n`, /^150/])
    if (data === undefined) socket.resume()
    else socket.end(data)
    await closed
    await control.turn(['NOOP\r\n', /^200/m])
  }
  for (const turn of last) await control.turn(turn)
}

export const vsftpd: Service = {
  name: 'vsftpd',
  kind: 'job',
  packages: ['vsftpd'],
  files: { '/etc/vsftpd.conf': config },
  build: [
    ...allUsers.map((name) => `useradd -m -s /bin/bash ${name} && echo ${name}:secret | chpasswd`),
    'mkdir -p /var/run/vsftpd/empty',
  ],
  start: `mkdir -p /var/run/vsftpd/empty
exec /usr/sbin/vsftpd /etc/vsftpd.conf`,
  port: 21,
  data: '/home/anna',
  load: {
    A: async (at) => {
      const name = `${stem('A')}.txt`
      await session(at, 'A', [[`STOR ${name}`, bytes('A')], [`RETR ${name}`], ['LIST']], [])
    },
    B: async (at) => {
      const [one, two] = [`${stem('B')}.bin`, `${stem('B')}.pdf`]
      const transfers = [
        [`STOR ${one}`, bytes('B')],
        [`STOR ${two}`, bytes('B')],
        ['NLST'],
      ] as const
      await session(at, 'B', transfers, [
        [`RNFR ${one}\r\n`, /^350/],
        [`RNTO ${one}.old\r\n`, /^250/],
        [`DELE ${two}\r\n`, /^250/],
        [`MKD ${stem('B')}-d\r\n`, /^(257|550)/],
        ['SIZE nowhere\r\n', /^550/],
      ])
    },
  },
}
