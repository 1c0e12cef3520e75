import { LRUCache } from 'lru-cache'
import type { ProcessRef } from '../../../core/event/event.ts'
import type { ContainerIdentity } from './identity.ts'
import { imageShips, listImageFolder, readImageFile } from './image-text.ts'
import { linesOf } from './text-lines.ts'

/** Scheduled jobs of the image, from the files in it. */
export interface Schedule {
  /** The file and the command. */
  readonly text: string
  /**
   * Milliseconds: the job runs at least once in this period. Absent if the schedule is not
   * understood.
   */
  readonly periodMs?: number
  /** The file with the job, and its command; absent for timers. */
  readonly table?: string
  readonly command?: string
}

const hour = 3_600_000
const day = 24 * hour
const week = 7 * day
const month = 31 * day
const year = 366 * day

const named: Readonly<Record<string, number>> = {
  minutely: 60_000,
  hourly: hour,
  daily: day,
  midnight: day,
  weekly: week,
  monthly: month,
  quarterly: 92 * day,
  semiannually: 184 * day,
  annually: year,
  yearly: year,
}

/** A Debian image has cron tables without cron, and timers without systemd: such jobs never run. */
const cronDaemons = [
  '/usr/sbin/cron',
  '/usr/sbin/crond',
  '/usr/bin/crond',
  '/sbin/crond',
  '/bin/crond',
  '/usr/sbin/anacron',
]
const systemds = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd']

/** Real images have fewer. */
const schedulesKept = 50
const longestLine = 4_096
/** Files that are read of an image. */
const tablesRead = 200

/** Reads an image's schedules, once for each image. */
export class ImageSchedules {
  readonly #known = new LRUCache<string, readonly Schedule[]>({ max: 256 })

  of(identity: ContainerIdentity | undefined): readonly Schedule[] {
    if (identity?.rootfs === undefined) return []
    const kept = this.#known.get(identity.imageId)
    if (kept !== undefined) return kept
    const found = readSchedules(identity.rootfs.layers)
    this.#known.set(identity.imageId, found)
    return found
  }
}

function readSchedules(layers: readonly string[]): readonly Schedule[] {
  const found: Schedule[] = []
  if (cronDaemons.some((path) => imageShips(layers, path))) readCron(layers, found)
  if (systemds.some((path) => imageShips(layers, path))) readTimers(layers, found)
  return found.slice(0, schedulesKept)
}

function readCron(layers: readonly string[], found: Schedule[]): void {
  const tables = [
    ['/etc/crontab', true] as const,
    ...listImageFolder(layers, '/etc/cron.d').map((name) => [`/etc/cron.d/${name}`, true] as const),
    ...['/var/spool/cron/crontabs', '/etc/crontabs', '/var/spool/cron'].flatMap((folder) =>
      listImageFolder(layers, folder).map((name) => [`${folder}/${name}`, false] as const),
    ),
  ]
  for (const [path, hasUser] of tables.slice(0, tablesRead)) {
    for (const line of linesOf(readImageFile(layers, path) ?? '')) {
      if (found.length >= schedulesKept) return
      const schedule = cronLine(line, hasUser)
      // The shipped table only runs the scripts of the folders below, which are listed by name.
      if (schedule === undefined || schedule.text.includes('run-parts')) continue
      const { text: command } = schedule
      found.push({ ...schedule, text: `${path}: ${command}`, table: path, command })
    }
  }
  for (const every of ['hourly', 'daily', 'weekly', 'monthly']) {
    for (const name of listImageFolder(layers, `/etc/cron.${every}`)) {
      if (name.startsWith('.')) continue
      const command = `/etc/cron.${every}/${name}`
      found.push({
        text: command,
        periodMs: named[every] ?? day,
        table: `/etc/cron.${every}`,
        command,
      })
    }
  }
}

/** One line of a cron table; undefined where it schedules nothing. */
export function cronLine(line: string, hasUser: boolean): Schedule | undefined {
  // A longer line is no job, and would have too many words.
  if (line.length > longestLine) return undefined
  const words = line.trim().split(/\s+/)
  const [first = ''] = words
  if (first === '' || first.startsWith('#') || /^[A-Za-z_]\w*\s*=/.test(line.trim()))
    return undefined
  if (first.startsWith('@')) {
    const text = words.slice(hasUser ? 2 : 1).join(' ')
    // A job at start shows up with the start itself.
    if (first === '@reboot' || text === '') return undefined
    const periodMs = named[first.slice(1)]
    return periodMs === undefined ? { text } : { text, periodMs }
  }
  const text = words.slice(hasUser ? 6 : 5).join(' ')
  if (text === '') return undefined
  const fields = words.slice(0, 5)
  if (!fields.every((field) => /^[\dA-Za-z*,/-]+$/.test(field))) return undefined
  return { text, periodMs: cronPeriod(fields) }
}

/** The maximum interval of five cron fields, from the coarsest field that is not `*`. */
function cronPeriod([
  minute = '*',
  hours = '*',
  date = '*',
  months = '*',
  weekday = '*',
]: readonly string[]): number {
  if (months !== '*') return year
  if (date !== '*' && weekday === '*') return month
  if (weekday !== '*') return week
  if (hours !== '*') return stepOf(hours, hour) ?? day
  if (minute !== '*') return stepOf(minute, 60_000) ?? hour
  return 60_000
}

function stepOf(field: string, unit: number): number | undefined {
  const step = /^\*\/(\d+)$/.exec(field)?.[1]
  return step === undefined ? undefined : Math.max(1, Number(step)) * unit
}

function readTimers(layers: readonly string[], found: Schedule[]): void {
  const folders = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
  const wanted = listImageFolder(layers, '/etc/systemd/system/timers.target.wants')
  for (const name of wanted.slice(0, tablesRead)) {
    if (!name.endsWith('.timer')) continue
    for (const folder of folders) {
      const unit = readImageFile(layers, `${folder}/${name}`)
      if (unit === undefined) continue
      const schedule = timerPeriod(unit)
      if (schedule !== undefined) found.push({ ...schedule, text: `${folder}/${name}` })
      break
    }
  }
}

/** The period of a timer unit; undefined if the unit schedules nothing that repeats. */
export function timerPeriod(unit: string): { readonly periodMs?: number } | undefined {
  const calendar = /^OnCalendar=(.+)$/m.exec(unit)?.[1]?.trim()
  const again = /^On(?:UnitActive|UnitInactive)Sec=(.+)$/m.exec(unit)?.[1]?.trim()
  if (calendar === undefined && again === undefined) return undefined
  const periodMs = calendar === undefined ? spanOf(again ?? '') : calendarPeriod(calendar)
  return periodMs === undefined ? {} : { periodMs }
}

function calendarPeriod(words: string): number | undefined {
  const known = named[words]
  if (known !== undefined) return known
  if (/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(words)) return week
  const date = /^(\S+)-(\S+)-(\S+)(?:\s|$)/.exec(words)
  if (date !== null && (date[1] !== '*' || date[2] !== '*')) return year
  if (date !== null && date[3] !== '*') return month
  const [hours] = (words.split(/\s+/).at(-1) ?? '').split(':')
  if (hours === undefined || !words.includes(':')) return undefined
  return hours === '*' ? hour : day
}

function spanOf(words: string): number | undefined {
  const units: Readonly<Record<string, number>> = {
    s: 1_000,
    sec: 1_000,
    '': 1_000,
    m: 60_000,
    min: 60_000,
    h: hour,
    hr: hour,
    d: day,
    day: day,
    w: week,
    week: week,
    month,
    y: year,
    year,
  }
  let sum = 0
  for (const [, count, unit = ''] of words.matchAll(/(\d+)\s*([a-z]*)/g)) {
    const one = units[unit] ?? units[unit.replace(/s$/, '')]
    if (one === undefined) return undefined
    sum += Number(count) * one
  }
  return sum === 0 ? undefined : sum
}

/** Whether the process descends from a scheduler. Only then are the tables of the image read. */
export function isScheduled({ ancestors = [], parent }: ProcessRef): boolean {
  const keepers = [...cronDaemons, ...systemds]
  return keepers.includes(parent ?? '') || ancestors.some((path) => keepers.includes(path))
}

/**
 * The job of a process, as text for people. The process is the program or script of the job, has
 * its command as arguments, or descends from it. Undefined if no table of the image has the job.
 */
export function jobOf(process: ProcessRef, schedules: readonly Schedule[]): string | undefined {
  const { exe, script, args = [], ancestors = [], parent } = process
  const programs = new Set([exe, script, parent, ...ancestors])
  const lines = new Set([args.join(' '), ...args])
  const job = schedules.find(({ command }) => {
    if (command === undefined) return false
    return lines.has(command) || pathsIn(command).some((path) => programs.has(path))
  })
  if (job === undefined) return undefined
  const often = periodNames.find(([, ms]) => ms === job.periodMs)?.[0]
  return `${often ?? 'a'} job of \`${job.table ?? job.text}\``
}

const periodNames = [
  ['hourly', hour],
  ['daily', day],
  ['weekly', week],
  ['monthly', month],
] as const

/** Excludes shells: they appear in every job's command and do not identify the job. */
function pathsIn(command: string): readonly string[] {
  return command
    .split(/[\s;&|<>]+/)
    .filter((part) => /^\/\S*\/[^/]+$/.test(part) && !/\/(ba|da|a)?sh$/.test(part))
}
