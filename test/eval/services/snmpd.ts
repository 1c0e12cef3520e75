import { client, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { pick } from '../words.ts'

const config = `agentaddress udp:161
rocommunity public
syslocation rack 7
sysservices 72
disk / 10%
load 12 10 5
proc snmpd
`

const trees = { A: ['1.3.6.1.2.1.1', '1.3.6.1.2.1.25.1'], B: ['1.3.6.1.2.1.2', '1.3.6.1.4.1.2021'] }

/** A machine's figures for a monitor. */
export const snmpd: Service = {
  name: 'snmpd',
  kind: 'net',
  packages: ['snmpd'],
  files: { '/etc/snmp/snmpd.conf': config },
  start: 'exec /usr/sbin/snmpd -f -Lf /var/log/snmpd.log -C -c /etc/snmp/snmpd.conf',
  data: '/var/lib/snmp',
  ready: async (at) => {
    await client(['snmpget', '-v2c', '-cpublic', '-r9', '-On', at.address, '1.3.6.1.2.1.1.3.0'])
  },
  load: {
    A: async (at) => {
      await client(['snmpwalk', '-v2c', '-cpublic', '-On', at.address, pick(trees.A)])
    },
    B: async (at) => {
      await client(['snmpbulkwalk', '-v2c', '-cpublic', '-On', at.address, pick(trees.B)])
      await client(['snmpwalk', '-v1', '-cpublic', '-On', at.address, pick(trees.A)])
      const stranger = ['snmpget', '-v2c', '-cwrong', '-r0', '-t1', '-On', at.address]
      await client([...stranger, '1.3.6.1.2.1.1.3.0'], { exits: [1] })
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
