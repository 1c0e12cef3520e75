import { type Turn, talk } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { pick } from '../words.ts'

const config = `log_file /var/log/munin/munin-node.log
pid_file /run/munin-node.pid
background 0
setsid 0
user root
group root
host_name box.example.org
allow ^.*$
host 0.0.0.0
port 4949
`

const plugins = ['cpu', 'load', 'memory', 'processes', 'uptime', 'users', 'open_files', 'df']

const ask = (command: string): Turn => [`${command}\n`, /^\.$/m]

async function visit(at: Place, load: LoadName, count: number): Promise<void> {
  const turns = Array.from({ length: count }, (): readonly Turn[] => {
    const plugin = pick(plugins)
    return load === 'A'
      ? [ask(`fetch ${plugin}`)]
      : [ask(`config ${plugin}`), ask(`fetch ${plugin}`)]
  })
  await talk(at, 4949, [
    ['', /munin node/],
    ['list\n', /cpu/],
    ...turns.flat(),
    ['version\n', /version/],
  ])
}

/** A program for each figure that is asked for. */
export const muninNode: Service = {
  name: 'munin-node',
  kind: 'net',
  packages: ['munin-node'],
  files: { '/etc/munin/munin-node.conf': config },
  build: [
    'rm -f /etc/munin/plugins/*',
    ...plugins.map((name) => `ln -s /usr/share/munin/plugins/${name} /etc/munin/plugins/${name}`),
  ],
  start: `install -d /run/munin
exec /usr/sbin/munin-node --config /etc/munin/munin-node.conf`,
  port: 4949,
  data: '/var/lib/munin-node/plugin-state',
  load: {
    A: (at) => visit(at, 'A', 5),
    B: async (at) => {
      await visit(at, 'B', 8)
      await talk(at, 4949, [
        ['', /munin node/],
        ['fetch nothing-of-that-name\n', /Unknown service/i],
      ])
    },
  },
}
