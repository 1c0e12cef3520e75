import { Option } from 'commander'
import { outputFormats } from './output/output.ts'

export const defaultSocket = '/run/snug/snug.sock'

export const socketOption = new Option(
  '--socket <path>',
  `admin socket of the agent (SNUG_SOCKET; ${defaultSocket})`,
)
export const htmlFormat = 'html'

/** Of a program with reports, which alone have a page. */
export const reportOutputOption = new Option(
  '-o, --output <format>',
  'output format; `html` only for `snug report`',
).choices([...outputFormats, htmlFormat])

export const outputOption = new Option('-o, --output <format>', 'output format').choices(
  outputFormats,
)
