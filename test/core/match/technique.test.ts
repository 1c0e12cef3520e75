import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { distinct, mergedTechniques, Techniques } from '../../../src/core/match/technique.ts'
import { loadAttacks } from '../../../src/support/config/load-attacks.ts'
import { loadRules, loadTechniques } from '../../../src/support/config/load-rules.ts'
import { techniqueFit } from '../../eval/attack.ts'
import { evaluatedAttacks } from '../../fixtures/attack-events.ts'
import { act, guardrails, shaper, techniques } from '../../fixtures/event-fixture.ts'

/** The ids of the alert on an event that no profile allows. */
function idsOf(event: ActEvent, table: Pick<Techniques, 'of'> = techniques): readonly string[] {
  const refs = behavioursOf(event, shaper)
  const fired = refs.flatMap((ref) => guardrails.fired(ref, event, false))
  return distinct([...fired.flatMap(({ attack }) => attack), ...table.of(event, refs)])
}

function run(line: string): ActEvent {
  const [path = '', ...args] = line.split(' ')
  return act.run(path, [path.slice(path.lastIndexOf('/') + 1), ...args])
}

const write = (path: string, by = '/usr/sbin/service'): ActEvent =>
  act.file(path, ['write', 'create'], { exe: by })
const read = (path: string, by = '/usr/sbin/service'): ActEvent =>
  act.file(path, ['read'], { exe: by })

describe('the techniques of an alert', () => {
  it.each<[string, ActEvent, readonly string[]]>([
    ['a shell', run('/usr/bin/dash -c id'), ['T1059.004']],
    ['an interpreter', run('/usr/bin/python3.13 -c 1'), ['T1059.006']],
    ['one without a sub-technique', run('/usr/bin/perl -e 1'), ['T1059']],
    ['a shell start-up file', write('/home/anna/.zshrc'), ['T1546.004']],
    [
      'a removed history',
      act.file('/root/.bash_history', ['delete'], { exe: '/usr/bin/rm' }),
      ['T1070.003'],
    ],
    ['a history that is read', read('/root/.mysql_history', '/usr/bin/cat'), ['T1552.003']],
    ['a hidden folder', act.file('/var/tmp/.cached-d', ['create']), ['T1564.001']],
    ['a hidden program', run('/var/tmp/.cached-d'), ['T1564.001']],
    ['preload by environment', run('/usr/bin/env LD_PRELOAD=/tmp/a.so id'), ['T1574.006']],
    [
      'preload by a command line',
      run('/bin/sh -c LD_PRELOAD=/tmp/a.so'),
      ['T1059.004', 'T1574.006'],
    ],
    ['the memory of a process', read('/proc/44/mem'), ['T1003.007']],
    ['packet capture', run('/usr/bin/tcpdump -i any'), ['T1040']],
    ['a packet socket', act.syscall('socket', {}, 'packet raw 768'), ['T1040']],
    ['a decoder', run('/usr/bin/base64 -d'), ['T1140']],
    ['an archive', run('/usr/bin/tar czf /tmp/a.tgz /srv'), ['T1560.001']],
    ['a transfer tool', run('/usr/bin/wget http://x.example/a'), ['T1105']],
    ['a scheduled job', write('/var/spool/cron/crontabs/root'), ['T1053.003']],
    ['a job of at', write('/var/spool/cron/atjobs/a0001'), ['T1053.002']],
    ['a timer', write('/etc/systemd/system/x.timer'), ['T1543.002', 'T1053.006']],
    ['the list of accounts', write('/etc/passwd'), ['T1136.001']],
    ['a password', write('/etc/shadow'), ['T1098']],
    ['a key for logins', write('/root/.ssh/authorized_keys'), ['T1098.004']],
    ['a unit', write('/usr/lib/systemd/system/x.service'), ['T1543.002']],
    ['a removed log', act.file('/var/log/auth.log', ['delete']), ['T1685.006']],
    ['chosen times', act.syscall('utimensat', {}, '/srv/a'), ['T1070.006']],
    ['chosen times by a tool', run('/usr/bin/touch -r /bin/ls /tmp/a'), ['T1070.006']],
    ['permissions of a file', act.file('/srv/a', ['setattr']), ['T1222.002']],
    ['permissions', run('/usr/bin/chown root /srv/a'), ['T1222.002']],
    ['a setuid bit', run('/usr/bin/chmod 4755 /tmp/a'), ['T1548.001', 'T1222.002']],
    ['the system', run('/usr/bin/uname -a'), ['T1082']],
    ['processes', run('/usr/bin/ps aux'), ['T1057']],
    ['accounts that a tool reads', read('/etc/passwd', '/usr/bin/cat'), ['T1087.001']],
    ['a shipped program', act.file('/usr/bin/ls', ['write'], {}, { shipped: true }), ['T1554']],
    ['memory that is written', write('/proc/9/mem'), ['T1055.009']],
    ['a login module', write('/lib/x86_64-linux-gnu/security/pam_unix.so'), ['T1556.003']],
    ['a rule of sudo', write('/etc/sudoers.d/x'), ['T1548.003']],
    ['a firewall', run('/usr/sbin/iptables -F'), ['T1686']],
    ['the rules of a firewall', run('/usr/sbin/iptables -L'), ['T1016']],
    ['an applet', act.run('/bin/busybox', ['wget', 'http://x.example/a']), ['T1105']],
    [
      'an applet by its number',
      act.run('/bin/busybox', ['busybox', 'tar', '-czf', 'a']),
      ['T1560.001'],
    ],
  ])('name %s', (_, event, expected) => {
    expect(idsOf(event)).toEqual(expected)
  })

  it.each<[string, ActEvent]>([
    ['a setting of the login is no preload', write('/etc/pam.d/sshd')],
    ['sudo reads hashes to check a password', read('/etc/shadow', '/usr/bin/sudo')],
  ])('do not guess: %s', (_, event) => {
    expect(idsOf(event)).not.toContain('T1574.006')
    expect(idsOf(event)).not.toContain('T1003.008')
  })

  it.each<[string, ActEvent]>([
    ['a connection', act.connect('203.0.113.7', 443)],
    ['a listener', act.listen('0.0.0.0', 8081)],
    ['another user', act.identity(0, 33)],
    ['a data file', write('/srv/data/a')],
    ['a deleted data file', act.file('/srv/data/a', ['delete'])],
    ['an archive that is unpacked', run('/usr/bin/tar xzf /tmp/a.tgz config')],
    ['what is unpacked', run('/usr/bin/gzip -d a.gz')],
    ['a program that encodes', run('/usr/bin/base64 /srv/a')],
    ['times of now', run('/usr/bin/touch /tmp/a')],
    ['times of an unpacked archive', act.syscall('utimensat', { exe: '/usr/bin/tar' }, '/srv/a')],
    ['settings of a user', write('/home/anna/.foorc')],
    ['a shell that keeps its history', write('/root/.bash_history', '/usr/bin/bash')],
    ['the accounts, as every program reads them', read('/etc/passwd')],
    ['a name lookup', read('/etc/resolv.conf')],
    ['a ping', act.capability('CAP_NET_RAW', { exe: '/usr/bin/ping' })],
    ['a text tool', run('/usr/bin/sed -n 1p')],
  ])('are none for %s', (_, event) => {
    expect(idsOf(event)).toEqual([])
  })

  it('leave a technique out where a sub-technique of it is there', () => {
    expect(distinct(['T1059', 'T1105', 'T1059.004', 'T1105'])).toEqual(['T1105', 'T1059.004'])
  })

  it('change by rules of an operator: added, replaced and removed', () => {
    const shipped = loadTechniques()
    const why = 'as this company maps it'
    const own = mergedTechniques(shipped, {
      schema: 'snug.techniques/v1',
      techniques: [
        { id: 'decoders', attack: [], why },
        { id: 'archives', attack: ['T1074'], why, when: [{ kind: 'exec', name: ['tar'] }] },
        { id: 'own', attack: ['T1005'], why, when: [{ kind: 'exec', name: ['backup-tool'] }] },
      ],
    })
    const table = new Techniques(own)
    expect(idsOf(run('/usr/bin/base64 -d'), table)).toEqual([])
    expect(idsOf(run('/usr/bin/tar xf a'), table)).toEqual(['T1074'])
    expect(idsOf(run('/opt/backup-tool'), table)).toEqual(['T1005'])
  })
})

describe('shipped rules', () => {
  /** By the `revoked-by` relations of MITRE's own data, from 18.1 to 19.1, without the sub-techniques of T1562. */
  const retired = ['T1562', 'T1070.001', 'T1070.002', 'T1656', 'T1672']

  it.each([
    ['techniques', loadTechniques().techniques],
    ['guardrails', loadRules().guardrails.guardrails],
    ['recorded attacks', loadAttacks()],
  ])('name no technique that ATT&CK v19 retired: %s', (_what, rules) => {
    const ids = distinct(rules.flatMap(({ attack }) => attack ?? []))
    expect(ids.length).toBeGreaterThan(5)
    const isRetired = (id: string): boolean =>
      retired.some((old) => id === old || id.startsWith(`${old}.`))
    expect(ids.filter(isRetired)).toEqual([])
  })
})

describe('measured', () => {
  // With guardrails alone it was 12 exact, 1 family, 1 other, 21 none.
  it('on the attacks of the evaluation, by the labels that they have there', () => {
    const counts = { exact: 0, family: 0, other: 0, none: 0 }
    for (const { technique, events } of evaluatedAttacks) {
      counts[techniqueFit(technique, distinct(events.flatMap((event) => idsOf(event))))] += 1
    }
    console.log(`of ${evaluatedAttacks.length} attacks: ${JSON.stringify(counts)}`)
    expect(counts.exact).toBeGreaterThanOrEqual(20)
    expect(counts.other).toBeLessThanOrEqual(3)
  })

  it('recorded attacks have the ids that their traces state', () => {
    for (const { name, attack, events } of loadAttacks()) {
      const ids = distinct(events.flatMap((event) => idsOf(event)))
      if (ids.length > 0) expect(ids, name).toEqual(attack)
    }
  })
})
