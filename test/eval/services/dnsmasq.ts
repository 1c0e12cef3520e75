import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { datagram, lookUp, signal } from '../clients.ts'
import type { Place, Service } from '../service.ts'
import { stem, word } from '../words.ts'

const config = `no-resolv
addn-hosts=/srv/host/hosts
log-facility=/var/log/dnsmasq.log
log-queries
domain=lab.example
enable-tftp
tftp-root=/srv/host
tftp-no-fail
user=dnsmasq
`

/** The first block of a file by TFTP is enough to see it opened. */
async function boot(at: Place, name: string): Promise<void> {
  const request = Buffer.from(`\0\u0001${name}\0octet\0`, 'latin1')
  await datagram(at, 69, request, true)
}

/** Names and boot files for a small network. */
export const dnsmasq: Service = {
  name: 'dnsmasq',
  kind: 'net',
  packages: ['dnsmasq'],
  files: { '/etc/dnsmasq.conf': config },
  start: `[ -f /srv/host/hosts ] || echo '10.1.1.1 gate.lab.example' >/srv/host/hosts
exec /usr/sbin/dnsmasq --keep-in-foreground`,
  port: 53,
  data: '/var/lib/misc',
  capabilities: ['NET_ADMIN'],
  load: {
    A: async (at) => {
      for (const name of ['gate', word(), word()]) await lookUp(at, `${name}.lab.example`, 'A')
      writeFileSync(join(at.folder, 'boot.img'), 'x'.repeat(600))
      await boot(at, 'boot.img')
    },
    B: async (at) => {
      const names = Array.from({ length: 20 }, () => stem('B').replaceAll('_', '-'))
      await Promise.all(names.map((name) => lookUp(at, `${name}.lab.example`, 'A')))
      await lookUp(at, '1.1.1.10.in-addr.arpa', 'PTR')
      const image = `${stem('B')}.img`
      writeFileSync(join(at.folder, image), 'x'.repeat(3_000))
      await boot(at, image)
      await boot(at, 'missing.img')
    },
  },
  maintain: async (at) => {
    const line = `10.1.1.${randomInt(2, 250)} ${word()}.lab.example\n`
    writeFileSync(join(at.folder, 'hosts'), line, { flag: 'a' })
    await signal(at, 'HUP')
  },
}
