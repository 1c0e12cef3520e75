import { lookUp, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem, word } from '../words.ts'

const config = `server:
  interface: 0.0.0.0
  access-control: 0.0.0.0/0 allow
  username: unbound
  chroot: ""
  logfile: "/var/log/unbound/unbound.log"
  log-queries: yes
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  local-zone: "example." static
  local-data: "www.example. A 10.0.0.1"
  local-data: "mail.example. A 10.0.0.2"
  local-data: "text.example. TXT 'hello'"
  local-zone: "." refuse
`

export const unbound: Service = {
  name: 'unbound',
  kind: 'net',
  packages: ['unbound'],
  files: { '/etc/unbound/unbound.conf': config },
  build: ['install -d -o unbound /var/log/unbound'],
  start: 'exec /usr/sbin/unbound -d -c /etc/unbound/unbound.conf',
  port: 53,
  data: '/var/log/unbound',
  load: {
    A: async (at) => {
      for (const name of ['www', 'mail', word()]) await lookUp(at, `${name}.example`, 'A')
    },
    B: async (at) => {
      const names = Array.from({ length: 30 }, () => stem('B').replaceAll('_', '-'))
      await Promise.all(names.map((name) => lookUp(at, `${name}.example`, 'A')))
      await lookUp(at, 'text.example', 'TXT')
      await lookUp(at, 'www.elsewhere.test', 'A')
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
