import { styleText } from 'node:util'
import type { Severity } from '../core/event/alert-words.ts'
import type { Alert } from '../core/event/alert.ts'

type Style = Parameters<typeof styleText>[0]

/** The output of the demonstration on the terminal. Without one (a pipe, `NO_COLOR`): the same text, plain. */
export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #plain: boolean
  #open = false

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out
    this.#plain = !out.isTTY || process.env['NO_COLOR'] !== undefined
  }

  paint(style: Style, text: string): string {
    return this.#plain ? text : styleText(style, text, { validateStream: false })
  }

  line(text = ''): void {
    this.#endProgress()
    this.#out.write(`${text}\n`)
  }

  /** A chapter of the story. */
  head(number: number, title: string, words: string): void {
    this.line()
    this.line(`${this.paint(['bold', 'cyan'], ` ${number} `)} ${this.paint('bold', title)}`)
    for (const part of words.split('\n')) this.line(`    ${this.paint('dim', part)}`)
    this.line()
  }

  fact(name: string, value: string): void {
    const room = Math.max(30, (this.#out.columns ?? 100) - 16)
    const [first = '', ...rest] = wrap(value, room)
    this.line(`    ${this.paint('dim', name.padEnd(10))} ${first}`)
    for (const more of rest) this.line(`${' '.repeat(15)}${more}`)
  }

  /** One line that the next output overwrites. Does nothing where that is not possible. */
  progress(share: number, text: string): void {
    if (this.#plain) return
    const full = Math.round(Math.min(1, share) * 24)
    const bar = this.paint('cyan', '━'.repeat(full)) + this.paint('dim', '━'.repeat(24 - full))
    this.#out.write(`\r\u001b[K    ${bar}  ${text}`)
    this.#open = true
  }

  #endProgress(): void {
    if (!this.#open) return
    this.#out.write('\r\u001b[K')
    this.#open = false
  }

  alert(alert: Alert, afterMs: number | undefined): void {
    const severity = this.paint(severityStyle[alert.severity], ` ${alert.severity.padEnd(8)} `)
    const actor = alert.process?.script ?? alert.process?.exe ?? '?'
    const what = clean(alert.behaviour?.text ?? alert.reasons[0] ?? alert.type)
    const time = afterMs === undefined ? '' : this.paint('dim', `  ${Math.round(afterMs)} ms`)
    const attack =
      alert.attack.length === 0 ? '' : this.paint('magenta', `  ${alert.attack.join(' ')}`)
    this.line(`    ${severity} ${this.paint('bold', what)}  by ${clean(actor)}${attack}${time}`)
    const why = alert.reasons[0]
    if (why !== undefined) this.line(`               ${this.paint('dim', clean(why))}`)
  }
}

const severityStyle: Readonly<Record<Severity, Style>> = {
  low: ['inverse'],
  medium: ['black', 'bgYellow'],
  high: ['white', 'bgRed'],
  critical: ['bold', 'white', 'bgRed'],
}

export const severityRank: Readonly<Record<Severity, number>> = {
  low: 0,
  medium: 1,
  high: 2,
  critical: 3,
}

/** Strings that containers choose are printed without their control characters. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '·')
}

function wrap(text: string, room: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < room)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
