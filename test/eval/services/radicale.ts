import { randomUUID } from 'node:crypto'
import { web } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { prose, stem, user } from '../words.ts'

const config = `[server]
hosts = 0.0.0.0:5232
[auth]
type = none
[storage]
filesystem_folder = /var/lib/radicale/collections
`

async function ask(at: Place, method: string, path: string, body?: string): Promise<void> {
  const options = body === undefined ? { method } : { method, body }
  const { status } = await web(at, path, { ...options, port: 5232 })
  if (status >= 500) throw new Error(`${method} ${path}: ${status}`)
}

function event(load: LoadName, uid: string): string {
  const text = prose(load).slice(0, 2_000)
  return `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:${uid}\r\nDTSTART:20260105T100000Z\r\nDTSTAMP:20260105T100000Z\r\nSUMMARY:${text}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`
}

/** Calendars, in Python; a file for each event. */
export const radicale: Service = {
  name: 'radicale',
  kind: 'app',
  packages: ['radicale'],
  uses: ['python3'],
  files: { '/etc/radicale/config': config },
  build: ['install -d -o radicale -g radicale /var/lib/radicale /var/lib/radicale/collections'],
  user: 'radicale',
  start: 'exec /usr/bin/radicale --config /etc/radicale/config',
  port: 5232,
  data: '/var/lib/radicale/collections',
  load: {
    A: async (at) => {
      const calendar = `/${user('A')}/work/`
      await ask(at, 'MKCALENDAR', calendar)
      for (let i = 0; i < 3; i++) {
        const name = stem('A')
        await ask(at, 'PUT', `${calendar}${name}.ics`, event('A', name))
      }
      await ask(at, 'PROPFIND', calendar)
    },
    B: async (at) => {
      const calendar = `/${user('B')}/${stem('B')}/`
      await ask(at, 'MKCALENDAR', calendar)
      const names = Array.from({ length: 5 }, () => randomUUID())
      for (const name of names) await ask(at, 'PUT', `${calendar}${name}.ics`, event('B', name))
      await ask(at, 'DELETE', `${calendar}${names[0]}.ics`)
      await ask(at, 'GET', `${calendar}${names[1]}.ics`)
      await ask(at, 'GET', `${calendar}not-there.ics`)
      await ask(at, 'PUT', `${calendar}bad.ics`, 'nonsense')
    },
  },
}
