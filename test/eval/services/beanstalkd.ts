import { randomBytes } from 'node:crypto'
import { talk, type Turn } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { user } from '../words.ts'

function put(load: LoadName, size: number): readonly Turn[] {
  return [
    [`use ${user(load)}\r\n`, /USING/],
    [`put 1 0 60 ${size}\r\n${randomBytes(size / 2).toString('hex')}\r\n`, /INSERTED/],
  ]
}

/** A queue that keeps its jobs in a log. */
export const beanstalkd: Service = {
  name: 'beanstalkd',
  kind: 'mail',
  packages: ['beanstalkd'],
  build: ['install -d -o beanstalkd /var/lib/beanstalkd'],
  start: 'exec /usr/bin/beanstalkd -l 0.0.0.0 -u beanstalkd -b /var/lib/beanstalkd -s 100000 -f 0',
  port: 11300,
  data: '/var/lib/beanstalkd',
  load: {
    A: async (at) => {
      const turns = Array.from({ length: 10 }, () => put('A', 200)).flat()
      await talk(at, 11300, [...turns, ['watch anna\r\n', /WATCHING/], ['peek 1\r\n', /FOUND/]])
    },
    B: async (at) => {
      const turns = Array.from({ length: 20 }, () => put('B', 20_000)).flat()
      const watch: Turn[] = [
        ['watch greta\r\n', /WATCHING/],
        ['reserve-with-timeout 0\r\n', /RESERVED|TIMED_OUT/],
        ['delete 2\r\n', /DELETED|NOT_FOUND/],
        ['nonsense\r\n', /UNKNOWN/],
      ]
      await talk(at, 11300, [...turns, ...watch, ['stats\r\n', /OK/]])
    },
  },
}
