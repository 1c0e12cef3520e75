import { talk, type Turn } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { stem, user } from '../words.ts'

function store(load: LoadName, size: number): Turn {
  return [
    `set ${user(load)}:${stem(load)} 0 60 ${size}\r\n${'x'.repeat(size)}\r\n`,
    /STORED|SERVER/,
  ]
}

export const memcached: Service = {
  name: 'memcached',
  kind: 'data',
  packages: ['memcached'],
  start: 'exec /usr/bin/memcached -u memcache -m 16 -t 2',
  port: 11211,
  data: '/var/lib/memcached',
  build: ['install -d -o memcache /var/lib/memcached'],
  load: {
    A: async (at) => {
      const turns = Array.from({ length: 20 }, () => store('A', 100))
      await talk(at, 11211, [...turns, ['get anna:amber\r\n', /END/]])
    },
    B: async (at) => {
      const turns = Array.from({ length: 40 }, () => store('B', 20_000))
      const errors: Turn[] = [
        ['incr nobody 1\r\n', /NOT_FOUND/],
        ['nonsense\r\n', /ERROR/],
      ]
      await talk(at, 11211, [...turns, ...errors, ['stats slabs\r\n', /END/]])
    },
  },
  maintain: async (at, load) => {
    if (load === 'B') await talk(at, 11211, [['flush_all\r\n', /OK/]])
  },
}
