import { lookUp, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem, word } from '../words.ts'

const config = `options {
  directory "/var/cache/bind";
  listen-on { any; };
  allow-query { any; };
  recursion no;
  dnssec-validation no;
};
logging { channel all { file "/var/log/named/queries.log" versions 3 size 20k; }; category queries { all; }; };
zone "example" { type primary; file "/var/lib/bind/example.zone"; update-policy local; };
zone "signed.example" {
  type primary; file "/var/lib/bind/signed.zone"; dnssec-policy default; inline-signing yes;
};
`

const zone = `$TTL 60
@ IN SOA ns.example. root.example. 1 60 60 60 60
@ IN NS ns
ns IN A 10.0.0.1
www IN A 10.0.0.2
text IN TXT "hello"
`

/** A server of zones: one of them is signed, with keys that it makes. */
export const bind9: Service = {
  name: 'bind9',
  kind: 'net',
  packages: ['bind9'],
  files: {
    '/etc/bind/site.conf': config,
    '/var/lib/bind/example.zone': zone,
    '/var/lib/bind/signed.zone': zone,
  },
  build: ['install -d -o bind -g bind /var/log/named /run/named', 'chown -R bind /var/lib/bind'],
  start: 'exec named -f -u bind -c /etc/bind/site.conf',
  port: 53,
  data: '/var/lib/bind',
  load: {
    A: async (at) => {
      for (const name of ['www', 'ns', word()]) await lookUp(at, `${name}.example`, 'A')
    },
    B: async (at) => {
      const names = Array.from({ length: 40 }, () => stem('B').replaceAll('_', '-'))
      await Promise.all(names.map((name) => lookUp(at, `${name}.example`, 'A')))
      await lookUp(at, 'text.signed.example', 'TXT')
      await lookUp(at, 'www.elsewhere.test', 'A')
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
