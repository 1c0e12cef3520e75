// Config and annotations of a chart in a registry: `chart-config.mjs CHART FOLDER` reads Chart.yaml of CHART, and writes the config of the
// artifact, the annotations of its manifest, and the version into FOLDER. The time is SOURCE_DATE_EPOCH: the same chart has
// the same digest.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const [from = '.', folder = '.'] = process.argv.slice(2)
const chart = parse(readFileSync(join(from, 'Chart.yaml'), 'utf8'))
const { name, version, description } = chart
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1_000)
const annotations = {
  'org.opencontainers.image.title': name,
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.description': description,
  'org.opencontainers.image.created': created.toISOString(),
}
const write = (file, text) => writeFileSync(join(folder, file), text)
write('config.json', JSON.stringify(chart))
write('annotations.json', JSON.stringify({ $manifest: annotations }))
write('version', version)
