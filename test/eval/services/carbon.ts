import { randomInt } from 'node:crypto'
import { type Turn, talk } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { stem, user } from '../words.ts'

const config = `[cache]
STORAGE_DIR = /var/lib/graphite/
CONF_DIR = /etc/carbon/
LOG_DIR = /var/log/carbon/
PID_DIR = /run/
LOCAL_DATA_DIR = /var/lib/graphite/whisper/
USER =
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = 500
LINE_RECEIVER_INTERFACE = 0.0.0.0
LINE_RECEIVER_PORT = 2003
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
CACHE_QUERY_INTERFACE = 127.0.0.1
`

const schemas = `[default]
pattern = .*
retentions = 10s:10m
`

async function report(at: Place, metrics: readonly string[]): Promise<void> {
  const now = Math.floor(Date.now() / 1_000)
  const lines = metrics.map((name): Turn => [`${name} ${randomInt(1_000)} ${now}\n`])
  await talk(at, 2003, lines)
}

const host = (load: LoadName): string => `hosts.${user(load)}-${randomInt(load === 'A' ? 5 : 50)}`

/** Metrics: a file for each, in folders by their names. */
export const carbon: Service = {
  name: 'carbon',
  kind: 'net',
  packages: ['graphite-carbon'],
  files: { '/etc/carbon/carbon.conf': config, '/etc/carbon/storage-schemas.conf': schemas },
  build: [
    'install -d -o _graphite -g _graphite /var/lib/graphite/whisper /var/log/carbon /srv/run',
  ],
  user: '_graphite',
  // After a kill its process id is there still, and the next first process has the same.
  start: `rm -f /srv/run/cache.pid
exec /usr/bin/carbon-cache --config=/etc/carbon/carbon.conf --pidfile=/srv/run/cache.pid --nodaemon start`,
  port: 2003,
  data: '/var/lib/graphite/whisper',
  load: {
    A: async (at) => {
      const machine = host('A')
      await report(at, [`${machine}.load`, `${machine}.memory.free`, `${machine}.memory.used`])
      await report(at, [`shop.requests.${stem('A').replaceAll(/[^\w-]/g, '_')}`])
    },
    B: async (at) => {
      const machine = host('B')
      const disk = `${machine}.disk.${randomInt(4)}`
      await report(at, [`${machine}.load`, `${machine}.memory.free`, `${disk}.read`])
      await report(at, [`shop.requests.${stem('B').replaceAll(/[^\w-]/g, '_')}.count`])
      await report(at, ['no number at all'])
    },
  },
}
