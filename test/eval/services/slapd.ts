import { randomUUID } from 'node:crypto'
import { client } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { prose, user } from '../words.ts'

const root = 'dc=example,dc=org'
const config = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile /run/slapd/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "${root}"
rootdn "cn=admin,${root}"
rootpw secret
directory /var/lib/ldap
index objectClass,uid eq
`

const login = (at: Place): readonly string[] => ['-x', '-H', `ldap://${at.address}`]
const admin = ['-D', `cn=admin,${root}`, '-w', 'secret'] as const

async function add(at: Place, ldif: string): Promise<void> {
  // 68: it is there already.
  await client(['ldapadd', '-c', ...login(at), ...admin], { input: ldif, exits: [0, 68] })
}

async function addPeople(at: Place, load: LoadName, count: number): Promise<void> {
  const people = Array.from({ length: count }, () => {
    const uid = `${user(load)}-${randomUUID().slice(0, 6)}`
    return `dn: uid=${uid},${root}\nobjectClass: inetOrgPerson\ncn: ${uid}\nsn: ${uid}\ndescription: ${prose(load).slice(0, 2_000)}\n`
  })
  await add(at, people.join('\n'))
}

/** A directory of people. */
export const slapd: Service = {
  name: 'slapd',
  kind: 'data',
  packages: ['slapd'],
  files: { '/etc/ldap/slapd.conf': config },
  build: [
    'rm -rf /var/lib/ldap /etc/ldap/slapd.d',
    'install -d -o openldap -g openldap /var/lib/ldap /run/slapd',
  ],
  start: 'exec /usr/sbin/slapd -h ldap:/// -f /etc/ldap/slapd.conf -u openldap -g openldap -d 0',
  port: 389,
  data: '/var/lib/ldap',
  ready: (at) =>
    add(at, `dn: ${root}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: x\n`),
  load: {
    A: async (at) => {
      await addPeople(at, 'A', 3)
      await client(['ldapsearch', ...login(at), '-b', root, `(uid=${user('A')}*)`])
    },
    B: async (at) => {
      await addPeople(at, 'B', 20)
      await client(['ldapsearch', ...login(at), '-b', root, '(description=*amber*)', 'uid'])
      const stranger = ['-D', `uid=${user('B')},${root}`, '-w', 'wrong']
      await client(['ldapwhoami', ...login(at), ...stranger], { exits: [49] })
    },
  },
}
