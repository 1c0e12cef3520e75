import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectStatus } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem } from '../words.ts'

/** A machine's figures for another kind of monitor, in Go; jobs leave figures of theirs in a folder. */
export const nodeExporter: Service = {
  name: 'prometheus-node-exporter',
  kind: 'net',
  packages: ['prometheus-node-exporter'],
  user: 'nobody',
  start: 'exec /usr/bin/prometheus-node-exporter --collector.textfile.directory=/srv/host',
  port: 9100,
  data: '/tmp',
  load: {
    A: async (at) => {
      writeFileSync(join(at.folder, 'jobs.prom'), `jobs_done ${Date.now()}\n`)
      await expectStatus(200, at, '/metrics', { port: 9100 })
    },
    B: async (at) => {
      writeFileSync(join(at.folder, `${stem('B')}.prom`), `jobs_failed{n="${stem('B')}"} 1\n`)
      await expectStatus(200, at, '/metrics?collect[]=textfile&collect[]=cpu', { port: 9100 })
      await expectStatus(200, at, '/', { port: 9100 })
      await expectStatus(404, at, `/${stem('B')}`, { port: 9100 })
    },
  },
}
