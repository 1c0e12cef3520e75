import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { formatVersions } from '../../src/core/event/format-versions.ts'

/**
 * Writes the published schemas of the formats beside this file, in the versions that outputs name.
 * Those that no package of npm has are fetched from where they are published. `README.md` has the
 * sources and licences.
 */
const { ecs, ocsf, opentelemetry } = formatVersions
const cyclonedxLibrary = '10.3.0'

const write = (file: string, lines: readonly string[]): void => {
  writeFileSync(new URL(file, import.meta.url), `${lines.join('\n')}\n`)
  process.stdout.write(`${file}\n`)
}

/** Calls back with the folder of a package, which nothing of it is run to install. */
function withPackage(spec: string, use: (folder: string) => void): void {
  const folder = mkdtempSync('/tmp/snug-schemas-')
  try {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, spec])
    execFileSync('sh', ['-c', 'tar xzf *.tgz'], { cwd: folder })
    use(join(folder, 'package'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface EcsSource {
  readonly type: string
  readonly normalize: readonly string[]
  readonly allowed_values?: readonly {
    readonly name: string
    readonly expected_event_types?: readonly string[]
  }[]
  readonly expected_values?: readonly string[]
}

/** Field → its type, whether it is a list, and its values, each with the types that it expects. */
function ecsLines(fields: Readonly<Record<string, EcsSource>>): readonly string[] {
  const lines = Object.entries(fields).map(([name, field]) => {
    const allowed = field.allowed_values?.map((one) => [one.name, one.expected_event_types ?? []])
    const values = allowed ?? field.expected_values?.map((one) => [one, []])
    return `${JSON.stringify(name)}:${JSON.stringify({
      type: field.type,
      ...(field.normalize.includes('array') ? { list: true } : {}),
      ...(values === undefined ? {} : { values: Object.fromEntries(values) as object }),
    })}`
  })
  return ['{', lines.join(',\n'), '}']
}

/** A schema as it is, but for its texts. */
function withoutTexts(value: unknown, isNames = false): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutTexts(one))
  if (typeof value !== 'object' || value === null) return value
  const texts = ['$comment', 'description', 'title', 'examples', 'deprecated', 'meta:enum']
  const kept = Object.entries(value).filter(([key]) => isNames || !texts.includes(key))
  return Object.fromEntries(
    kept.map(([key, member]) => [
      key,
      withoutTexts(member, !isNames && ['properties', '$defs', 'definitions'].includes(key)),
    ]),
  )
}

const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')) as unknown

withPackage(`@elastic/ecs@${ecs}`, (folder) => {
  const generated = createRequire(import.meta.url)(join(folder, 'build/commonjs/ecs_flat.js')) as {
    readonly EcsFlat: Readonly<Record<string, EcsSource>>
  }
  write('ecs.json', ecsLines(generated.EcsFlat))
})

withPackage(`@opentelemetry/semantic-conventions@${opentelemetry}`, (folder) => {
  const names = ['stable', 'experimental'].flatMap((kind) => {
    const text = readFileSync(join(folder, `dist/${kind}_attributes.mjs`), 'utf8')
    const found = text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nconst ATTR_\w+ = "([^"]+)"/g)
    return [...found].flatMap(([, comment = '', name = '']) =>
      comment.includes('@deprecated') ? [] : [name],
    )
  })
  const lines = [...new Set(names)].sort().map((name) => JSON.stringify(name))
  write('opentelemetry-attributes.json', ['[', lines.join(',\n'), ']'])
})

withPackage(`@cyclonedx/cyclonedx-library@${cyclonedxLibrary}`, (folder) => {
  for (const name of [`bom-${formatVersions.cyclonedx}`, 'spdx', 'jsf-0.82', 'cryptography-defs']) {
    const schema = read(join(folder, `res/schema/${name}.SNAPSHOT.schema.json`))
    const text = JSON.stringify(withoutTexts(schema)).replaceAll('.SNAPSHOT.', '.')
    write(`cyclonedx-${name}.schema.json`, [text])
  }
})

const published = {
  'ocsf-detection-finding.schema.json': `https://schema.ocsf.io/schema/${ocsf}/classes/detection_finding`,
  'openvex.schema.json':
    'https://raw.githubusercontent.com/openvex/spec/main/openvex_json_schema.json',
}
for (const [file, url] of Object.entries(published)) {
  try {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(String(answer.status))
    const schema = (await answer.json()) as { required: readonly string[] }
    // Required by profiles that are not used here; the export has all profiles in one.
    const required = schema.required.filter((name) => name !== 'cloud' && name !== 'osint')
    write(file, [JSON.stringify(withoutTexts({ ...schema, required }))])
  } catch (error) {
    process.stderr.write(`${file} is unchanged: ${url}: ${String(error)}\n`)
    process.exitCode = 1
  }
}
