// What a registry knows of a chart: `chart-config.mjs FOLDER` reads Chart.yaml there, and writes the config of the artifact,
// the annotations of its manifest, and the version. The time is that of Chart.yaml, as it was packed: the same chart has
// the same digest.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const folder = process.argv[2] ?? '.'
const at = (name) => join(folder, name)
const chart = parse(readFileSync(at('Chart.yaml'), 'utf8'))
const { name, version, description } = chart
const created = new Date(
  Number(process.env.SOURCE_DATE_EPOCH ?? statSync(at('Chart.yaml')).mtimeMs / 1_000) * 1_000,
)
const annotations = {
  'org.opencontainers.image.title': name,
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.description': description,
  'org.opencontainers.image.created': created.toISOString(),
}
writeFileSync(at('config.json'), JSON.stringify(chart))
writeFileSync(at('annotations.json'), JSON.stringify({ $manifest: annotations }))
writeFileSync(at('version'), version)
