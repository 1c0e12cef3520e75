import { fleetRoutes } from '../src/console/fleet-routes.ts'
import { admissionMetricTable } from '../src/ci/admission/admission-metrics.ts'
import { configKeys } from '../src/support/config/config-keys.ts'
import { loadRules, loadTechniques } from '../src/support/config/load-rules.ts'
import { errorTable } from '../src/errors.ts'
import { routes } from '../src/serve/routes/routes.ts'
import { metricTable, statusTable } from '../src/support/telemetry/metric-table.ts'
import { type Limit, limitTable } from './limit-table.ts'
import {
  type NameOperation,
  nameOperations,
  type NameRight,
} from '../src/core/behaviour/name-rights.ts'
import { code, page, table } from './markdown.ts'

export function configPage(): string {
  return page(
    'Configuration',
    'A flag takes precedence over a variable, a variable over the file, and the file over the default. `--config` or `SNUG_CONFIG` names the file; the default is `/etc/snug/snug.yaml`, where it exists. Unknown keys are errors. Durations have the form `20s`, `15m`, `24h` or `7d`, sizes `512KiB` or `8MiB`. `snug config explain` prints the origin of each value. `config.schema.json` is the JSON Schema of the file.',
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
    'In a variable, commas separate the items of a list. `SNUG_SINKS` holds YAML. A flag for a list may be repeated.',
  )
}

export function namesPage(): string {
  const rights = (of: readonly NameRight[]): string =>
    of.map((one) => code(typeof one === 'string' ? one : one.call)).join(' and ') || 'none'
  const operations: readonly NameOperation[] = Object.values(nameOperations)
  return page(
    'Names and holders',
    'These operations give an object another name or another holder. Snug derives no right from a weaker one: each operation needs the rights in its row. The matcher takes the rights of a link from this table, and a test tries each row on both families of hooks.',
    table(
      [
        'operation',
        'right to the new name, or call',
        'right to the object',
        'by security hooks',
        'by tracepoints',
      ],
      operations.map(({ text, name, object, securityHooks, tracepoints }) => [
        text,
        rights(name),
        rights(object),
        securityHooks,
        tracepoints,
      ]),
    ),
    'A descriptor that a process inherits opens nothing, and Snug does not observe it on any kernel.',
  )
}

export function errorsPage(): string {
  return page(
    'Errors',
    'The command line prints `snug: message (CODE)` and a hint. The API returns `application/problem+json` with the same code. Exit codes: 0 success, 1 failure, 2 a deviation or a failed test, 3 invalid configuration, profile or input, 64 wrong usage.',
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
    'The admin socket needs no token. On the address of `listen`, every route except the health checks needs `Authorization: Bearer TOKEN`. The first start writes a token for the role `admin` to `admin.token` in the data directory, and `snug token create NAME ROLE` creates more. The roles are `viewer`, `reviewer` and `admin`; each role includes the rights of the one before it. `GET /openapi.json` describes every body and response. `:ref` is an IMAGE as on the command line, URL-encoded.',
    table(
      ['route', 'role', 'purpose'],
      routes.map(({ method, path, role, summary, stream }) => [
        code(`${method} ${path}`),
        role === 'nobody' ? 'none' : role,
        stream ? `${summary}; the body is NDJSON of any length` : summary,
      ]),
    ),
    '## Live messages',
    '`GET /v1/live` opens a WebSocket. By default it sends alerts and states: changes of versions, decisions, losses and the state of the agent. `topics=alerts`, `states` or `alerts,states` selects a part. `topics=events` sends events; `raw=true` includes those that the kernel would only count. `image` and `container` narrow the selection.',
    'Each message has a number `n` and a `type`:',
    table(
      ['type', 'meaning'],
      [
        ['`ready`', 'the subscription is active; `n` is the number before the first message'],
        ['`item`', 'a message with `topic` and `item`'],
        ['`lagged`', 'the client was too slow; `missed` of its messages up to number `n` are gone'],
        ['`restarted`', 'the requested numbers belong to an earlier agent; read the lists again'],
        ['`error`', 'an error with `code` and `detail`'],
      ],
    ),
    'Numbers rise by one; a client with a selection receives the numbers of its selection. After a lost connection, `from=N` continues without a gap: N is one above the last received `n`. The agent keeps the latest 8,192 messages.',
  )
}

export function consoleApiPage(): string {
  return page(
    'HTTP routes of the console',
    'The routes of `snug console`: see [Console](../console.md). Every route except the health checks needs `Authorization: Bearer TOKEN` or the cookie of a session. `GET /openapi.json` describes every body and response. `:name` is the name of an `ImageProfile`, and `:seq` the number of a message in the stream. A decision needs `If-Match`, with the `ETag` of the image or `*`.',
    table(
      ['route', 'role', 'purpose'],
      fleetRoutes.map(({ method, path, role, summary }) => [
        code(`${method} ${path}`),
        role === 'nobody' ? 'none' : role,
        summary,
      ]),
    ),
  )
}

export function techniquesPage(): string {
  const rules = loadTechniques().techniques.map(({ id, attack, why, when = [], peers }) => [
    attack.join(', '),
    code(id),
    [...new Set(when.map(({ kind }) => kind)), ...(peers === undefined ? [] : ['connect'])].join(
      ', ',
    ),
    why,
  ])
  const guardrails = loadRules()
    .guardrails.guardrails.filter(({ attack }) => attack.length > 0)
    .map(({ id, attack, title, why }) => [attack.join(', '), code(id), `${title}: ${why}`])
  return page(
    'Techniques',
    'ATT&CK techniques on alerts. An alert has an id where the program, file or call that it is about shows the technique. It has none where the purpose is open: a connection, a listener or a deleted data file alone shows none. An alert that stands for several names has the ids of all of them.',
    'The rules are in `profiles/techniques.yaml`, which lists the names and paths. The key `techniques` of the configuration names a file of the same form, whose rules are added. A rule with an id of this table replaces that rule, and an empty `attack` removes it.',
    table(['techniques', 'rule', 'events', 'reason'], rules),
    '## Guardrails',
    'A guardrail of `profiles/guardrails.yaml` adds these ids.',
    table(['techniques', 'guardrail', 'reason'], guardrails),
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
    '`GET /metrics` returns the Prometheus text format. Label values are closed sets: input cannot create new series.',
    table(['metric', 'type', 'labels', 'meaning'], [...counters, ...fromStatus]),
    '## Admission webhook',
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

export function limitsPage(): string {
  return page(
    'Limits',
    'A workload, an image or an attacker chooses how many names, containers and events there are. So everything that the agent keeps by them has a bound, and a rule for what happens at it. A limit without `of` is of the node.',
    ...limitTable.flatMap(({ title, limits }) => [
      `## ${title}`,
      table(
        ['limit', 'bound', 'of', 'at the bound', 'shown by'],
        limits.map((limit) => [
          limit.what,
          boundText(limit),
          limit.of ?? '',
          limit.atBound,
          shownBy(limit),
        ]),
      ),
    ]),
    '## Without a bound',
    'The evidence of a behaviour has one entry for each container that showed it and runs.',
  )
}

function boundText({ bound, define }: Limit): string {
  if (typeof bound !== 'number') return `${code(bound.key)} ([config](reference/config.md))`
  const number = bound.toLocaleString('en')
  return define === undefined ? number : `${number} (${code(define)})`
}

function shownBy({ shownBy: where }: Limit): string {
  if (where === undefined) return ''
  return 'metric' in where ? code(where.metric) : `loss ${code(where.loss)}`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
