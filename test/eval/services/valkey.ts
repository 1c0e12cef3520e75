import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { talk, type Turn } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem, user } from '../words.ts'

const ask = (command: string, answer = /\r\n$/): Turn => [`${command}\r\n`, answer]
const blank = 'x'.repeat(2_000)

/** Keys in memory, kept in an append-only file and in snapshots. */
export const valkey: Service = {
  name: 'valkey',
  kind: 'data',
  packages: ['valkey-server'],
  start: `cd /var/lib/valkey
exec setpriv --reuid=valkey --regid=valkey --clear-groups /usr/bin/valkey-server --protected-mode no --appendonly yes --save 5 10`,
  port: 6379,
  data: '/var/lib/valkey',
  ready: async (at) => {
    for (let tries = 0; tries < 50; tries++) {
      if ((await talk(at, 6379, [ask('PING')])).includes('PONG')) return
      await delay(100)
    }
    throw new Error('it goes on loading')
  },
  load: {
    A: async (at) => {
      const turns = Array.from({ length: 30 }, (_, i) => ask(`SET ${user('A')}:${i} ${stem('A')}`))
      await talk(at, 6379, [...turns, ask(`GET ${user('A')}:1`), ask('INCR visits')])
    },
    B: async (at) => {
      const turns = Array.from({ length: 60 }, () => [
        ask(`HSET ${stem('B')} ${user('B')} ${blank}`),
        ask(`ZADD scores ${randomInt(1_000)} ${stem('B')}`),
        ask(`LPUSH queue ${stem('B')}`),
      ])
      await talk(at, 6379, [...turns.flat(), ask('INCR scores', /WRONGTYPE/), ask('DBSIZE')])
    },
  },
  maintain: async (at, load) => {
    const command = load === 'A' ? 'BGSAVE' : 'BGREWRITEAOF'
    await talk(at, 6379, [ask(command)])
  },
}
