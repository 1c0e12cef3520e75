import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { client } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { prose, stem, user, word } from '../words.ts'

const init = `CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO 'shop'@'%';
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, buyer TEXT, what TEXT);
`

const login = (at: Place): readonly string[] => [
  '-h',
  at.address,
  '-ushop',
  '-psecret',
  '--skip-ssl',
]

async function sql(at: Place, statements: string, exits = [0]): Promise<string> {
  return client(['mariadb', ...login(at), 'shop'], { input: statements, exits })
}

function orders(load: LoadName, count: number): string {
  const rows = Array.from(
    { length: count },
    () => `('${user(load)}', '${prose(load).slice(0, 200)}')`,
  )
  return `INSERT INTO orders (buyer, what) VALUES ${rows.join(',')};`
}

export const mariadb: Service = {
  name: 'mariadb',
  kind: 'data',
  packages: ['mariadb-server'],
  files: { '/etc/mysql/init.sql': init },
  build: ['rm -rf /var/lib/mysql', 'install -d -o mysql -g mysql /var/lib/mysql /run/mysqld'],
  start: `[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql >/dev/null
exec /usr/sbin/mariadbd --user=mysql --bind-address=0.0.0.0 --init-file=/etc/mysql/init.sql --log-bin=shop --skip-name-resolve --sync-binlog=0 --innodb-flush-log-at-trx-commit=2`,
  port: 3306,
  data: '/var/lib/mysql',
  ready: async (at) => {
    for (let tries = 0; ; tries++) {
      const answer = await sql(at, 'SELECT 1;').catch((error: unknown) => error)
      if (typeof answer === 'string') return
      if (tries > 50) throw answer
      await delay(200)
    }
  },
  load: {
    A: async (at) => {
      await sql(at, `${orders('A', 20)} SELECT buyer, count(*) FROM orders GROUP BY buyer;`)
      const table = `list_${word()}${randomInt(100)}`
      await sql(
        at,
        `CREATE OR REPLACE TABLE ${table} AS SELECT * FROM orders LIMIT 5; DROP TABLE ${table};`,
      )
    },
    B: async (at) => {
      await sql(
        at,
        `${orders('B', 200)} SET SESSION tmp_table_size = 1024, sort_buffer_size = 65536;
        SELECT what, count(*) FROM orders GROUP BY what ORDER BY what DESC LIMIT 3;`,
      )
      const table = `\`${stem('B')}\``
      await sql(
        at,
        `CREATE OR REPLACE TABLE ${table} AS SELECT * FROM orders;
        ALTER TABLE ${table} ADD INDEX (buyer(10)); UPDATE ${table} SET what = upper(what);`,
      )
      await sql(at, `SELECT * FROM ${word()}_that_is_not_there;`, [1])
    },
  },
  maintain: async (at, load) => {
    if (load === 'A') await sql(at, 'FLUSH LOGS; FLUSH TABLES;')
    else await client(['mariadb-dump', ...login(at), '--single-transaction', 'shop'])
  },
}
