import { signal, talk, type Turn } from '../clients.ts'
import type { Service } from '../service.ts'
import { prose, stem, user } from '../words.ts'

const config = `daemonize = false
pidfile = "/run/prosody/prosody.pid"
log = { info = "/var/log/prosody/prosody.log" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
modules_enabled = { "roster"; "saslauth"; "disco"; "vcard_legacy"; "pep"; "private"; "register"; "offline" }
allow_registration = true
registration_delay_seconds = 0
VirtualHost "example.org"
  authentication = "internal_plain"
`

const open: Turn = [
  "<stream:stream to='example.org' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
  /<\/stream:features>/,
]

const register = (name: string): Turn => [
  `<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>${name}</username><password>secret</password></query></iq>`,
  /<iq/,
]

/** A session of somebody who has an account, or makes one. */
function session(name: string, resource: string, turns: readonly Turn[]): readonly Turn[] {
  const proof = Buffer.from(`\0${name}\0secret`).toString('base64')
  return [
    open,
    register(name),
    [
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${proof}</auth>`,
      /<success/,
    ],
    open,
    [
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
      /<\/iq>/,
    ],
    ['<presence/>'],
    ...turns,
    ['</stream:stream>', /<\/stream:stream>/],
  ]
}

/** Messages between people, in Lua: a file for each account and kind of data. */
export const prosody: Service = {
  name: 'prosody',
  kind: 'mail',
  packages: ['prosody'],
  files: { '/etc/prosody/site.cfg.lua': config },
  build: ['install -d -o prosody /run/prosody'],
  user: 'prosody',
  start: 'exec /usr/bin/prosody --config /etc/prosody/site.cfg.lua -F',
  port: 5222,
  data: '/var/lib/prosody',
  load: {
    A: async (at) => {
      const letter = `<message to='${user('A')}@example.org' type='chat'><body>${prose('A')}</body></message>`
      await talk(at, 5222, session(user('A'), stem('A'), [[letter]]))
    },
    B: async (at) => {
      const letter = `<message to='${user('B')}@example.org' type='chat'><body>${prose('A')}</body></message>`
      const card = `<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>${stem('B')}</FN></vCard></iq>`
      await talk(at, 5222, session(user('B'), stem('B'), [[letter], [card, /<iq/]]))
      await talk(at, 5222, [['<nonsense>', /<\/stream:stream>/]])
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
