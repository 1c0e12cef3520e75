import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { postgresRoot } from '../../fixtures/images.ts'
import { databaseRate, fillDatabase } from '../../fixtures/load.ts'
import { databaseImage } from '../../fixtures/service-images.ts'
import { content } from '../data.ts'
import { type EvalService, type Place, signal } from '../service.ts'

const run = promisify(execFile)
const settings = [
  'listen_addresses=*',
  'jit=off',
  'checkpoint_timeout=30s',
  'autovacuum_naptime=2s',
]
const log = ['logging_collector=on', 'log_rotation_age=0', 'fsync=off']

export async function postgres(docker: Docker, image: string): Promise<EvalService> {
  await databaseImage(docker, image)
  return {
    name: 'PostgreSQL',
    kind: 'database',
    image,
    port: 5432,
    command: ['postgres', ...[...settings, ...log].flatMap((setting) => ['-c', setting])],
    ready: async (at) => fillDatabase(at.address, 1),
    load: async (at, season) => {
      await databaseRate(at.address, 'read', 1)
      await databaseRate(at.address, 'write', 2)
      const table = `t_${content(4).toString('hex')}`
      await sql(at, [
        `CREATE TABLE ${table} AS SELECT g, md5(g::text) AS h FROM generate_series(1, 20000) g`,
        `CREATE INDEX ON ${table} (h)`,
        `VACUUM ANALYZE ${table}`,
        // Too large for work_mem: sorted in files.
        'SET work_mem = 64',
        `SELECT count(*) FROM (SELECT h FROM ${table} ORDER BY h DESC OFFSET 1) s`,
        ...(season === 'judge' ? [`ALTER TABLE ${table} ADD COLUMN n int DEFAULT 7`] : []),
        `UPDATE ${table} SET h = upper(h) WHERE g % 3 = 0`,
        ...(season === 'judge' ? [`SELECT h, count(*) FROM ${table} GROUP BY h LIMIT 5`] : []),
        `DROP TABLE ${table}`,
        'CHECKPOINT',
      ])
    },
    reload: (at) => signal(at, 'HUP'),
    rotate: async (at) => sql(at, ['SELECT pg_rotate_logfile()']),
    backup: async (at) => {
      await client(at, 'pg_dump', ['--format=custom', '--no-sync', '--file=/dev/null', 'postgres'])
    },
  }
}

/** As superuser, one statement after the other. @throws where one fails */
export async function sql(at: Place, statements: readonly string[]): Promise<void> {
  const each = statements.flatMap((statement) => ['-c', statement])
  await client(at, 'psql', ['-v', 'ON_ERROR_STOP=1', '-q', ...each, 'postgres'])
}

async function client(at: Place, program: string, args: readonly string[]): Promise<void> {
  const path = `/usr/lib/postgresql/17/bin/${program}`
  const where = ['-h', at.address, '-U', 'postgres']
  await run('chroot', [await postgresRoot(), path, ...where, ...args], { maxBuffer: 1 << 26 })
}
