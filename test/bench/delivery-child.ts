import { sinkSchema } from '../../src/support/config/sink-schema.ts'
import { Dispatcher } from '../../src/agent/pipeline/delivery/dispatcher.ts'
import { bindSink } from '../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import { hostileAlert, product } from '../fixtures/format-alerts.ts'

/** `delivery-child.ts PORT COUNT`: so many alerts to a receiver, as fast as it takes them; prints seconds. */
const [port = '', count = '0'] = process.argv.slice(2)
const alerts = Array.from({ length: Number(count) }, (_, at) => {
  return hostileAlert(`/srv/file-${at}`, `01KAVS${String(at).padStart(20, '0')}`)
})
const config = { name: 'bench', type: 'syslog', address: `127.0.0.1:${port}` }
const outbox = { maxBytes: 2 ** 31, maxAgeMs: 2 ** 40, maxSpan: alerts.length + 1 }
const dispatcher = new Dispatcher([bindSink(sinkSchema.parse(config), product)], {
  node: 'n1',
  cursors: {},
  outbox,
  repeatMs: 1_000,
  onError: (_, error) => {
    throw error
  },
  onDelivered: () => undefined,
  onGivenUp: () => undefined,
})
const begun = performance.now()
const cpu = process.cpuUsage()
dispatcher.offer(alerts)
await dispatcher.close(300_000)
const { user, system } = process.cpuUsage(cpu)
const [sink] = dispatcher.list()
if (sink?.delivered !== alerts.length) throw new Error(`${sink?.delivered} were delivered`)
const seconds = (performance.now() - begun) / 1_000
process.stdout.write(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1_000_000 }))
