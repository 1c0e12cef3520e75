import { admissionMetricTable } from '../src/admit/admission-metrics.ts'
import { configKeys } from '../src/config/config-keys.ts'
import { errorTable } from '../src/errors.ts'
import { routes } from '../src/server/routes.ts'
import { metricTable, statusTable } from '../src/telemetry/metric-table.ts'
import { code, page, table } from './markdown.ts'

export function configPage(): string {
  return page(
    'Configuration',
    'A flag wins over a variable, a variable over the file, the file over the default. The file is the one given with `--config` or `SNUG_CONFIG`, else `/etc/snug/snug.yaml` where that exists. Unknown keys are errors. Durations are written `20s`, `15m`, `24h`, `7d`; sizes `512KiB`, `8MiB`. `snug config explain` says where each value came from, and `config.schema.json` is the JSON Schema of the file.',
    table(
      ['key', 'default', 'flag', 'variable', 'meaning'],
      configKeys.map((key) => [
        code(key.path),
        'default' in key ? code(shown(key.default)) : '',
        code(key.flag),
        code(key.env),
        key.doc,
      ]),
    ),
    'In a variable a list is separated by commas, and `SNUG_SINKS` holds YAML. A flag that stands for a list may be given several times.',
  )
}

export function errorsPage(): string {
  return page(
    'Errors',
    'The command line says `snug: message (CODE)` and a hint; the API answers `application/problem+json` with the same code. Exit codes: 0 done, 1 could not, 2 a deviation or a failed test was found, 3 invalid config, profile or input, 64 usage.',
    table(
      ['code', 'exit', 'HTTP', 'hint'],
      Object.entries(errorTable).map(([name, { exit, status, hint }]) => [
        code(name),
        String(exit),
        String(status),
        hint,
      ]),
    ),
  )
}

export function apiPage(): string {
  return page(
    'HTTP API',
    'Served on the admin socket, where no token is needed, and on the address of `listen`, where all but the health checks need `Authorization: Bearer TOKEN`. The first start leaves a token for the role `admin` in `admin.token` of the data directory; `snug token create NAME ROLE` makes more. Each role may do all that the one before it may: `viewer`, `reviewer`, `admin`. `GET /openapi.json` describes every body and answer; `:ref` is an IMAGE as on the command line, URL-encoded.',
    table(
      ['route', 'role', 'does'],
      routes.map(({ method, path, role, summary, stream }) => [
        code(`${method} ${path}`),
        role === 'nobody' ? 'none' : role,
        stream ? `${summary}; the body is NDJSON of any length` : summary,
      ]),
    ),
    '## Live messages',
    '`GET /v1/live` opens a WebSocket on alerts and states (versions that move on or are decided on, losses, the state of the agent); `topics=alerts`, `states` or `alerts,states` for a part of it, `topics=events` for acts, with `raw=true` for every one, also what the kernel would only count. `image` and `container` narrow it.',
    '',
    'Each message has a number `n` and a `type`. `ready`: the subscription stands, and `n` is the number before the first message. `item`: with `topic` and `item`. `lagged`: this client was too slow, and `missed` messages for it up to number `n` are gone. `restarted`: the numbers asked for are those of an agent that was stopped; read the lists again. `error`: `code` and `detail`. Numbers rise by one; a client that asked for a part of the stream sees those of its part. After a lost connection `from=N`, with N one above the last `n` that was seen, goes on with nothing missed: the latest 8,192 messages are kept.',
  )
}

export function metricsPage(): string {
  const counters = Object.entries(metricTable).map(([name, { help, labels }]) => [
    code(name),
    'counter',
    Object.entries(labels)
      .map(([label, values]) => `${code(label)}: ${[...values, 'other'].join(', ')}`)
      .join('; '),
    help,
  ])
  const fromStatus = Object.entries(statusTable).map(([name, { type, help, labels }]) => [
    code(name),
    type,
    labels.map(code).join(', '),
    help,
  ])
  return page(
    'Metrics',
    '`GET /metrics`, in Prometheus text format. Label values are closed sets: input cannot make new series.',
    table(['metric', 'type', 'labels', 'meaning'], [...counters, ...fromStatus]),
    '## Of the admission webhook',
    table(
      ['metric', 'type', 'labels', 'meaning'],
      Object.entries(admissionMetricTable).map(([name, { type, help, labels }]) => [
        code(name),
        type,
        Object.entries(labels)
          .map(([label, values]) => `${code(label)}: ${values.join(', ')}`)
          .join('; '),
        help,
      ]),
    ),
  )
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
