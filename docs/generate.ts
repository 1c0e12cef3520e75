import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { admissionSchema } from '../src/ci/admission/policy-schema.ts'
import { consoleSchema } from '../src/console/console-config.ts'
import { configJsonSchema } from '../src/support/config/config-keys.ts'
import { frameworkSchema } from '../src/cli/report/framework.ts'
import { reportSchema } from '../src/cli/report/report-schema.ts'
import { gatePolicySchema } from '../src/ci/gate/policy-schema.ts'
import { representativeSchema } from '../src/ci/gate/representative.ts'
import { generaliseRulesSchema } from '../src/core/behaviour/generalise-schema.ts'
import { guardrailRulesSchema, techniqueRulesSchema } from '../src/core/match/rules-schema.ts'
import { event } from '../src/core/event/event-schema.ts'
import { alert } from '../src/core/event/alert-schema.ts'
import { profileView } from '../src/api/profile-views.ts'
import { incidentRecord } from '../src/core/incident/incident-record-schema.ts'
import {
  apiPage,
  configPage,
  consoleApiPage,
  errorsPage,
  limitsPage,
  metricsPage,
  namesPage,
  techniquesPage,
} from './table-pages.ts'
import { abiModule, layoutChecks, readAbi } from './abi-module.ts'
import { chartValuesSchema } from './chart-values.ts'
import { cliPage, kubectlPage } from './cli-page.ts'
import { decisionsPage } from './adr-index.ts'
import { type JsonSchema, schemaPage } from './schema-page.ts'
import { faultsOfGlossary } from './prose/glossary-page.ts'
import { textFiles } from './prose/places.ts'
import { faultsOfPages } from './written-pages.ts'

/**
 * Writes the reference pages and JSON Schemas from the tables and schemas of the code, and the ABI from its header. With `--check`
 * it compares instead, checks written pages as well, and exits with 1 where something differs.
 */
const root = fileURLToPath(new URL('../', import.meta.url))
const abi = readAbi(readFileSync(`${root}agent/include/abi.h`, 'utf8'))
const eventSchema = jsonSchema(event)
const alertSchema = jsonSchema(alert)
const chartSchema = chartValuesSchema()
const { config: agentConfig, console: chartConsole, ...chartRest } = chartSchema.properties ?? {}

const pages: Readonly<Record<string, string>> = {
  'docs/adr/README.md': decisionsPage(`${root}docs/adr`),
  'docs/reference/cli.md': cliPage(),
  'docs/reference/kubectl.md': kubectlPage(),
  'docs/reference/config.md': configPage(),
  'docs/reference/errors.md': errorsPage(),
  'docs/reference/api.md': apiPage(),
  'docs/reference/metrics.md': metricsPage(),
  'docs/reference/techniques.md': techniquesPage(),
  'docs/reference/names.md': namesPage(),
  'docs/limits.md': limitsPage(),
  'docs/reference/event.md': schemaPage(
    'Event, v1',
    'One observed event, as one JSON object. A file of events has one on each line. `kind` names its last member. Replay keeps unknown members, and the judge ignores them.',
    eventSchema,
  ),
  'docs/reference/alert.md': schemaPage(
    'Alert, v1',
    'One JSON object. Repeats of the same event raise the `count` of one alert.',
    alertSchema,
  ),
  'docs/reference/incident.md': schemaPage(
    'Incident, v1',
    'A sink gets an [incident](../incidents.md#in-sinks) as records. Each is the whole incident, as it was at one moment.',
    jsonSchema(incidentRecord),
  ),
  'docs/reference/profile.md': schemaPage(
    'Profile',
    'The output of `snug profile show IMAGE -o json` and `GET /v1/images/{ref}/profile`.',
    jsonSchema(profileView),
  ),
  'docs/reference/gate.md': schemaPage(
    'Gate policy, v1',
    'The file that `snug gate --policy FILE` reads, as YAML. `profiles/gate.yaml` is the default.',
    jsonSchema(gatePolicySchema),
  ),
  'docs/reference/representative.md': schemaPage(
    'What a profile must have seen, v1',
    'The file that `--representative FILE` reads, as YAML: see [Try a profile](../profile-trials.md).',
    jsonSchema(representativeSchema),
  ),
  'docs/reference/admission.md': schemaPage(
    'Admission, v1',
    'The file that `snug admit --config FILE` reads, as YAML: see [Admission](../admission.md).',
    jsonSchema(admissionSchema),
  ),
  'docs/reference/console.md': schemaPage(
    'Console, v1',
    'The file that `snug console --config FILE` reads, as YAML: see [Console](../console.md).',
    jsonSchema(consoleSchema),
  ),
  'docs/reference/console-api.md': consoleApiPage(),
  'docs/reference/evidence-report.md': schemaPage(
    'Evidence report, v1',
    'The output of `snug report compliance -o json`: see [Compliance](../compliance.md).',
    jsonSchema(reportSchema),
  ),
  'docs/reference/helm.md': schemaPage(
    'Values of the Helm chart',
    'The defaults are in `deploy/helm/snug/values.yaml`. `config` has the keys of [config.md](config.md), and `console.config` those of [console.md](console.md).',
    {
      ...chartSchema,
      properties: {
        ...chartRest,
        console: withoutConfig(chartConsole),
        config: { ...agentConfig, properties: {} },
      },
    },
  ),
  'docs/reference/config.schema.json': json(configJsonSchema()),
  'docs/reference/admission.schema.json': json(jsonSchema(admissionSchema)),
  'docs/reference/console.schema.json': json(jsonSchema(consoleSchema)),
  'deploy/helm/snug/values.schema.json': json(chartSchema),
  'docs/reference/event.schema.json': json(eventSchema),
  'docs/reference/alert.schema.json': json(alertSchema),
  'docs/reference/evidence-report.schema.json': json(jsonSchema(reportSchema)),
  'src/agent/pipeline/sources/ebpf/abi.ts': formatted('abi.ts', abiModule(abi)),
  'agent/sensor/layout.c': layoutChecks(abi),
  'profiles/guardrails.schema.json': json(jsonSchema(guardrailRulesSchema)),
  'profiles/techniques.schema.json': json(jsonSchema(techniqueRulesSchema)),
  'profiles/framework.schema.json': json(jsonSchema(frameworkSchema)),
  'profiles/gate.schema.json': json(jsonSchema(gatePolicySchema)),
  'profiles/representative.schema.json': json(jsonSchema(representativeSchema)),
  'profiles/generalise.schema.json': json(jsonSchema(generaliseRulesSchema)),
}

/** The keys of the console's config have a page of their own. */
function withoutConfig(schema: JsonSchema | undefined): JsonSchema {
  const { config, ...rest } = schema?.properties ?? {}
  return { ...schema, properties: { ...rest, config: { ...config, properties: {} } } }
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema
}

function json(value: object): string {
  return formatted('schema.json', JSON.stringify(value, null, 2))
}

/** In the repository's format, so that the format check accepts it. */
function formatted(name: string, input: string): string {
  const biome = `${root}node_modules/.bin/biome`
  const options = { cwd: root, encoding: 'utf8', input } as const
  return execFileSync(biome, ['format', `--stdin-file-path=${name}`], options)
}

const stale = Object.entries(pages).filter(([path, text]) => {
  return !existsSync(root + path) || readFileSync(root + path, 'utf8') !== text
})

if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} differs from the code`)
  if (stale.length > 0) console.error('run `npm run docs` and commit what it writes')
  const glossary = readFileSync(`${root}docs/glossary.md`, 'utf8')
  const sources = textFiles(root).filter(({ path }) => path.startsWith('src/'))
  const faults = [
    ...faultsOfPages(root),
    ...faultsOfGlossary(
      glossary,
      sources.map(({ text }) => text),
    ),
  ]
  for (const fault of faults) console.error(fault)
  if (stale.length + faults.length > 0) process.exitCode = 1
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(root + path), { recursive: true })
    writeFileSync(root + path, text)
    console.log(`wrote ${path}`)
  }
}
