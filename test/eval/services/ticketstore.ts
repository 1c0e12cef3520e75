import { expectStatus, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const program = `const { createServer } = require('node:http')
const fs = require('node:fs')
const path = require('node:path')
const { execFile } = require('node:child_process')
const data = '/var/lib/ticketstore'
let log = fs.createWriteStream(data + '/requests.log', { flags: 'a' })
process.on('SIGUSR2', () => {
  log.end()
  try { fs.renameSync(data + '/requests.log', data + '/requests-' + Date.now() + '.log') } catch {}
  log = fs.createWriteStream(data + '/requests.log', { flags: 'a' })
})
process.on('SIGTERM', () => process.exit(0))
createServer((request, response) => {
  log.write(request.method + ' ' + request.url + '\\n')
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    const body = Buffer.concat(chunks)
    const [, what, name = ''] = request.url.split('/')
    const file = path.join(data, 'tickets', path.basename(name) + '.json')
    const end = (status, text) => { response.statusCode = status; response.end(text) }
    if (what === 'ticket' && request.method === 'PUT') {
      fs.writeFileSync(file + '.part', JSON.stringify({ body: body.toString('base64') }))
      fs.renameSync(file + '.part', file)
      end(200, 'kept')
    } else if (what === 'ticket') {
      fs.readFile(file, (error, text) => error ? end(404, 'no ticket') : end(200, text))
    } else if (what === 'archive') {
      const archive = data + '/archive/' + new Date().toISOString().slice(0, 19) + '.tar.gz'
      execFile('tar', ['-czf', archive, '-C', data, 'tickets'], (error) => error ? end(500, String(error)) : end(200, archive))
    } else end(404, 'nothing here')
  })
}).listen(3000)
`

/** Tickets, in Node: a file for each, an archive on request. */
export const ticketstore: Service = {
  name: 'ticketstore',
  kind: 'app',
  packages: [],
  uses: ['nodejs'],
  files: { '/srv/ticketstore/server.js': program },
  build: [
    'install -d -o www-data /var/lib/ticketstore /var/lib/ticketstore/tickets /var/lib/ticketstore/archive',
  ],
  user: 'www-data',
  start: 'exec /usr/bin/node /srv/ticketstore/server.js',
  port: 3000,
  data: '/var/lib/ticketstore/tickets',
  load: {
    A: async (at) => {
      for (let i = 0; i < 4; i++) {
        const path = `/ticket/${user('A')}-${stem('A')}`
        await expectStatus(200, at, path, { method: 'PUT', body: prose('A'), port: 3000 })
        await expectStatus(200, at, path, { port: 3000 })
      }
      await expectStatus(200, at, '/archive', { port: 3000 })
    },
    B: async (at) => {
      for (let i = 0; i < 6; i++) {
        const path = `/ticket/${stem('B')}`
        await expectStatus(200, at, path, { method: 'PUT', body: bytes('B'), port: 3000 })
        await expectStatus(i % 2 === 0 ? 200 : 404, at, i % 2 === 0 ? path : `${path}-none`, {
          port: 3000,
        })
      }
      await expectStatus(200, at, '/archive', { port: 3000 })
    },
  },
  maintain: (at) => signal(at, 'USR2'),
}
