import { parseArgs } from 'node:util'
import { soakText } from './figures-text.ts'
import { soakApart } from './soak-process.ts'
import { fullScale, tenthScale } from './workload.ts'

const { values } = parseArgs({ options: { tenth: { type: 'boolean', default: false } } })
const figures = await soakApart(values.tenth ? tenthScale : fullScale, (line) => {
  process.stderr.write(line)
})
process.stdout.write(soakText(figures))
