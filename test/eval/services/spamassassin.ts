import { talk } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { prose, stem, user } from '../words.ts'

const config = `use_razor2 0
use_pyzor 0
skip_rbl_checks 1
use_bayes 1
bayes_auto_learn 1
bayes_path /var/lib/letters/bayes
dns_available no
`

async function check(at: Place, load: LoadName, command: string, more = ''): Promise<void> {
  const letter = `From: <${user(load)}@example.net>\r\nTo: <${user(load)}@example.org>\r\nSubject: ${stem(load)}
Date: Fri, 01 May 2026 10:00:00 +0000\r\nMessage-Id: <${stem(load)}@example.net>\r\n${more}\r\n${prose(load)}\r\n`
  const head = `${command} SPAMC/1.5\r\nContent-length: ${letter.length}\r\nUser: ${user(load)}\r\n\r\n`
  await talk(at, 783, [[head + letter, /^SPAMD\/1\.\d \d+ /]])
}

/** A filter of letters: many rules, a child for each letter, and a memory of words. */
export const spamassassin: Service = {
  name: 'spamassassin',
  kind: 'mail',
  packages: ['spamd', 'spamassassin'],
  files: { '/etc/spamassassin/local.cf': config },
  build: ['install -d -o debian-spamd /var/lib/letters'],
  start:
    'exec /usr/sbin/spamd -u debian-spamd -i 0.0.0.0 -A 0.0.0.0/0 -x --max-children 2 --allow-tell -s stderr',
  port: 783,
  data: '/var/lib/letters',
  load: {
    A: async (at) => {
      await check(at, 'A', 'CHECK')
      await check(at, 'A', 'SYMBOLS')
    },
    B: async (at) => {
      await check(at, 'B', 'PROCESS', 'Content-Type: text/html; charset=utf-8\r\n')
      await check(at, 'B', 'REPORT', 'X-Mailer: something\r\nReply-To: <a@example.com>\r\n')
      await check(at, 'B', 'TELL', '').catch(() => undefined)
    },
  },
}
