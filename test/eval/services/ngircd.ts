import { randomInt } from 'node:crypto'
import { signal, talk, type Turn } from '../clients.ts'
import type { LoadName, Service } from '../service.ts'
import { prose, user, word } from '../words.ts'

const config = `[Global]
  Name = irc.example
  Info = chat
  MotdFile = /etc/ngircd/motd
  ServerUID = irc
  ServerGID = irc
[Options]
  DNS = no
  Ident = no
  PAM = no
[Limits]
  MaxConnectionsIP = 0
  MaxPenaltyTime = 0
`

function chat(load: LoadName, lines: number): readonly Turn[] {
  const name = `${user(load)}${randomInt(1_000)}`
  const channel = `#${word()}`
  return [
    [`NICK ${name}\r\nUSER ${name} 0 * :${name}\r\n`, / (376|422) /],
    [`JOIN ${channel}\r\n`, / 366 /],
    ...Array.from(
      { length: lines },
      (): Turn => [`PRIVMSG ${channel} :${prose(load).slice(0, 300)}\r\n`],
    ),
    [`WHOIS ${name}\r\n`, / 318 /],
  ]
}

export const ngircd: Service = {
  name: 'ngircd',
  kind: 'mail',
  packages: ['ngircd'],
  files: { '/etc/ngircd/ngircd.conf': config, '/etc/ngircd/motd': 'welcome\n' },
  start: 'exec /usr/sbin/ngircd -n -f /etc/ngircd/ngircd.conf',
  port: 6667,
  data: '/run/ircd',
  build: ['install -d -o irc /run/ircd'],
  load: {
    A: async (at) => {
      await talk(at, 6667, [...chat('A', 2), ['QUIT\r\n']])
    },
    B: async (at) => {
      const errors: Turn[] = [
        ['LIST\r\n', / 323 /],
        ['TOPIC #nowhere :x\r\n', / 4\d\d /],
        ['MOTD\r\n', / 376 /],
      ]
      await Promise.all(
        Array.from({ length: 4 }, () => talk(at, 6667, [...chat('B', 4), ...errors, ['QUIT\r\n']])),
      )
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
