import { anyOf, type EvalAct, execOf, fileAt, type Tactic } from './act.ts'

/** What a stolen superuser's password is good for: SQL alone. */
export function databaseActs(): readonly EvalAct[] {
  const act = (
    name: string,
    tactic: Tactic,
    technique: string,
    statement: string,
    alerts: EvalAct['alerts'],
    leaves?: EvalAct['leaves'],
  ): EvalAct => ({
    name,
    tactic,
    technique,
    via: 'postgres',
    does: [statement],
    alerts,
    ...(leaves === undefined ? {} : { leaves }),
  })
  return [
    act(
      'a program by COPY',
      'execution',
      'T1059.004',
      `COPY (SELECT '') TO PROGRAM 'id'`,
      // A shell is nothing new to the server: making a cluster takes one.
      execOf(/\/(sh|dash|id)$/),
    ),
    act(
      'a library that was never loaded',
      'execution',
      'T1129',
      `LOAD '/usr/lib/postgresql/17/lib/dblink.so'`,
      fileAt('/usr/lib/postgresql/17/lib/dblink.so'),
    ),
    act(
      'a file written by COPY',
      'persistence',
      'T1505.001',
      `COPY (SELECT '#!/bin/sh') TO '/var/lib/postgresql/.profile'`,
      fileAt('/var/lib/postgresql/.profile'),
      { path: '/var/lib/postgresql/.profile' },
    ),
    act(
      'a file of the system read by SQL',
      'discovery',
      'T1083',
      `SELECT pg_read_file('/etc/debian_version')`,
      fileAt('/etc/debian_version'),
    ),
    act(
      'the password hashes by SQL',
      'credential access',
      'T1003.008',
      `SELECT pg_read_file('/etc/shadow')`,
      fileAt('/etc/shadow'),
    ),
    act('a folder listed by SQL', 'discovery', 'T1083', `SELECT pg_ls_dir('/srv')`, fileAt('/srv')),
    act(
      'the rules of access changed',
      'defence evasion',
      'T1562.001',
      `COPY (SELECT 'host all all all trust') TO '/var/lib/postgresql/data/pg_hba.conf'`,
      anyOf(fileAt('/var/lib/postgresql/data/pg_hba.conf')),
    ),
  ]
}
