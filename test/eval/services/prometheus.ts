import { expectStatus, signal, web } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem, word } from '../words.ts'

const config = `global:
  scrape_interval: 1s
rule_files: [/etc/prometheus/rules-*.yml]
scrape_configs:
  - job_name: itself
    static_configs: [{ targets: ['127.0.0.1:9090'] }]
  - job_name: others
    file_sd_configs: [{ files: ['/srv/host/*.json'], refresh_interval: 2s }]
`

const rules = `groups:
  - name: some
    rules: [{ record: ups, expr: sum(up) }]
`

const query = (text: string): string => `/api/v1/query?query=${encodeURIComponent(text)}`

/** Figures of machines over time, in segments, blocks and snapshots; a program in Go. */
export const prometheus: Service = {
  name: 'prometheus',
  kind: 'data',
  packages: ['prometheus'],
  files: { '/etc/prometheus/prometheus.yml': config, '/etc/prometheus/rules-1.yml': rules },
  user: 'prometheus',
  start: `set -- --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/var/lib/prometheus/metrics2
set -- "$@" --web.enable-admin-api --web.enable-lifecycle --storage.tsdb.min-block-duration=10s --storage.tsdb.max-block-duration=40s
exec /usr/bin/prometheus "$@"`,
  port: 9090,
  data: '/var/lib/prometheus',
  ready: async (at) => {
    for (let tries = 0; tries < 100; tries++) {
      const { status } = await web(at, '/-/ready', { port: 9090 })
      if (status === 200) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  },
  load: {
    A: async (at) => {
      for (const text of ['up', 'ups', 'go_goroutines'])
        await expectStatus(200, at, query(text), { port: 9090 })
      await expectStatus(200, at, '/api/v1/targets', { port: 9090 })
    },
    B: async (at) => {
      await expectStatus(200, at, query(`rate(${word()}_total[1m])`), { port: 9090 })
      await expectStatus(400, at, query(`${stem('B')}{`), { port: 9090 })
      await expectStatus(200, at, '/api/v1/label/__name__/values', { port: 9090 })
      await expectStatus(200, at, '/metrics', { port: 9090 })
    },
  },
  maintain: async (at, load) => {
    if (load === 'A') await signal(at, 'HUP')
    const taken = '/api/v1/admin/tsdb/snapshot'
    await expectStatus(200, at, taken, { port: 9090, method: 'POST' })
  },
}
