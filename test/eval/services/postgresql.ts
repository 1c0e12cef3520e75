import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { client } from '../clients.ts'
import type { LoadName, Reach, Service } from '../service.ts'
import { prose, stem, user, word } from '../words.ts'

const login = (at: Reach): readonly string[] => ['-h', at.address, '-U', 'postgres', '-d', 'shop']

async function sql(at: Reach, statements: string, exits: readonly number[] = [0]): Promise<string> {
  const quiet = ['-q', '-v', 'ON_ERROR_STOP=1']
  return client(['psql', ...login(at), ...quiet], { input: statements, exits })
}

function orders(load: LoadName, count: number): string {
  const rows = Array.from(
    { length: count },
    () => `('${user(load)}', '${prose(load).slice(0, 2_000)}')`,
  )
  return `INSERT INTO orders (buyer, what) VALUES ${rows.join(',')};`
}

/** A database with a process for each connection and a file for each table. */
export const postgresql = {
  name: 'postgresql',
  kind: 'data',
  packages: ['postgresql-17'],
  build: ['install -d -o postgres -g postgres -m 700 /srv/shop'],
  user: 'postgres',
  start: `if ! [ -f /srv/shop/PG_VERSION ]; then
  /usr/lib/postgresql/17/bin/initdb -D /srv/shop --auth=trust >/dev/null
  echo 'host all all all trust' >>/srv/shop/pg_hba.conf
  echo 'CREATE DATABASE shop;' | /usr/lib/postgresql/17/bin/postgres --single -D /srv/shop postgres >/dev/null
fi
exec /usr/lib/postgresql/17/bin/postgres -D /srv/shop -c listen_addresses='*' -c unix_socket_directories=/srv/shop -c fsync=off`,
  port: 5432,
  data: '/srv/shop/base',
  ready: async (at: Reach) => {
    const table =
      'CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, buyer text, what text);'
    for (let tries = 0; ; tries++) {
      const answer = await sql(at, table).catch((error: unknown) => error)
      if (typeof answer === 'string') return
      if (tries > 50) throw answer
      await delay(200)
    }
  },
  load: {
    A: async (at: Reach) => {
      await sql(at, `${orders('A', 20)} SELECT buyer, count(*) FROM orders GROUP BY buyer;`)
      const table = `list_${word()}${randomInt(100_000)}`
      await sql(
        at,
        `CREATE TABLE ${table} AS SELECT * FROM orders LIMIT 5; CREATE INDEX ON ${table} (buyer); DROP TABLE ${table};`,
      )
    },
    B: async (at: Reach) => {
      await sql(
        at,
        `${orders('B', 200)} SET work_mem = '64kB';
        SELECT what, count(*) FROM orders GROUP BY what ORDER BY what DESC LIMIT 3;`,
      )
      const table = `"${stem('B')}-${randomInt(100_000)}"`
      await sql(
        at,
        `CREATE TABLE ${table} AS SELECT * FROM orders; UPDATE ${table} SET what = upper(what);
        ALTER TABLE ${table} ADD COLUMN more int DEFAULT 1; TRUNCATE ${table};`,
      )
      await sql(at, `SELECT * FROM ${word()}_that_is_not_there;`, [3])
    },
  },
  maintain: async (at: Reach, load: LoadName) => {
    if (load === 'A') await sql(at, 'CHECKPOINT; VACUUM ANALYZE orders; SELECT pg_switch_wal();')
    else await client(['pg_dump', ...login(at), '-f', '/dev/null'])
  },
} as const satisfies Service
