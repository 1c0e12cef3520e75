import { setTimeout as delay } from 'node:timers/promises'
import { datagram } from '../clients.ts'
import type { Service } from '../service.ts'

const config = `local stratum 8
allow all
bindcmdaddress /
cmdport 0
driftfile /var/lib/chrony/drift
dumpdir /var/lib/chrony
logdir /var/log/chrony
log measurements statistics tracking
clientloglimit 100000
`

/** A client's request, of version 3 or 4. */
function request(version: 3 | 4): Buffer {
  const packet = Buffer.alloc(48)
  packet[0] = (version << 3) | 3
  packet.writeUInt32BE(Math.floor(Date.now() / 1_000) + 2_208_988_800, 40)
  return packet
}

/** A time server; the clock of the machine is not its own. */
export const chrony: Service = {
  name: 'chrony',
  kind: 'net',
  packages: ['chrony'],
  files: { '/etc/chrony/served.conf': config },
  build: ['install -d -m 750 -o _chrony -g _chrony /run/chrony'],
  start: 'exec /usr/sbin/chronyd -x -d -u _chrony -f /etc/chrony/served.conf',
  data: '/var/lib/chrony',
  ready: async (at) => {
    for (let tries = 0; ; tries++) {
      const error = await datagram(at, 123, request(4), true).catch((reason: unknown) => reason)
      if (error === undefined) return
      if (tries > 5) throw error
      await delay(200)
    }
  },
  load: {
    A: (at) => datagram(at, 123, request(4), true),
    B: async (at) => {
      await Promise.all(Array.from({ length: 10 }, () => datagram(at, 123, request(3), true)))
      await datagram(at, 123, Buffer.from('nonsense'), false)
    },
  },
}
