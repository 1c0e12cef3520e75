import { datagram, signal, talk } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { pick, prose, stem, user } from '../words.ts'

const config = `@version: 4.8
options { create-dirs(yes); keep-hostname(yes); use-dns(no); };
source net { udp(ip(0.0.0.0) port(514)); tcp(ip(0.0.0.0) port(514)); };
filter auth { facility(auth, authpriv); };
destination hosts { file("/var/log/hosts/\${HOST}/\${PROGRAM}-\${YEAR}\${MONTH}\${DAY}.log"); };
destination auth { file("/var/log/auth.log"); };
log { source(net); destination(hosts); };
log { source(net); filter(auth); destination(auth); };
`

const hosts: Readonly<Record<LoadName, readonly string[]>> = {
  A: ['web1', 'web2', 'db1'],
  B: ['web2', 'web7', 'mail-3', 'build-eu-12', 'ip-10-4-7-81'],
}
const programs = ['kernel', 'sshd', 'cron', 'app'] as const

function line(load: LoadName): string {
  const facility = pick([4, 10, 1, 3]) * 8
  const program = `${pick(programs)}[${process.pid}]`
  return `<${facility + pick([3, 5, 6])}>Nov 26 12:00:00 ${pick(hosts[load])} ${program}: ${user(load)} ${stem(load)} ${prose(load).slice(0, 400)}`
}

/** Logs of many hosts, a file for each host and program. */
export const syslogNg: Service = {
  name: 'syslog-ng',
  kind: 'net',
  packages: ['syslog-ng-core'],
  files: { '/etc/syslog-ng/syslog-ng.conf': config },
  start: 'exec /usr/sbin/syslog-ng -F --no-caps',
  port: 514,
  data: '/var/log/hosts',
  load: {
    A: async (at) => {
      for (let i = 0; i < 10; i++) await datagram(at, 514, Buffer.from(line('A')), false)
    },
    B: async (at) => {
      for (let i = 0; i < 20; i++) await datagram(at, 514, Buffer.from(line('B')), false)
      await talk(at, 514, [[Array.from({ length: 50 }, () => `${line('B')}\n`).join('')]])
      await datagram(at, 514, Buffer.from('no priority at all'), false)
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
