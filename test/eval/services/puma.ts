import { expectStatus, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const rackup = `require 'json'
require 'digest'
require 'fileutils'
require 'tempfile'
DATA = '/var/lib/parcels'

run lambda { |env|
  body = env['rack.input'].read
  path = env['PATH_INFO']
  case [env['REQUEST_METHOD'], path]
  in ['POST', '/parcels']
    sum = Digest::SHA256.hexdigest(body)
    folder = "#{DATA}/#{sum[0, 2]}"
    FileUtils.mkdir_p(folder)
    Tempfile.create('parcel', DATA) { |draft| draft.write(body); draft.flush; FileUtils.cp(draft.path, "#{folder}/#{sum}") }
    [200, {}, [sum]]
  in ['GET', '/report']
    names = Dir.glob("#{DATA}/??/*").map { |file| File.basename(file) }
    File.write("#{DATA}/report.json", JSON.generate(names))
    [200, { 'content-type' => 'application/json' }, [JSON.generate(count: names.size)]]
  in ['GET', %r{^/parcels/(\\h{64})$}]
    file = "#{DATA}/#{$1[0, 2]}/#{$1}"
    File.exist?(file) ? [200, {}, [File.binread(file)]] : [404, {}, ['no such parcel']]
  else
    [404, {}, ['nothing here']]
  end
}
`

/** A store by content, in Ruby: file names are digests, in folders of two letters. */
export const puma: Service = {
  name: 'puma',
  kind: 'app',
  packages: ['puma', 'ruby-rack'],
  uses: ['ruby'],
  files: { '/srv/parcels/config.ru': rackup },
  build: ['install -d -o www-data /var/lib/parcels'],
  user: 'www-data',
  start: 'exec /usr/bin/puma -t 2:4 -b tcp://0.0.0.0:9292 /srv/parcels/config.ru',
  port: 9292,
  data: '/var/lib/parcels',
  load: {
    A: async (at) => {
      for (let i = 0; i < 4; i++) {
        const body = `${user('A')} ${prose('A')}`
        const sum = await expectStatus(200, at, '/parcels', { method: 'POST', body, port: 9292 })
        await expectStatus(200, at, `/parcels/${sum}`, { port: 9292 })
      }
      await expectStatus(200, at, '/report', { port: 9292 })
    },
    B: async (at) => {
      for (let i = 0; i < 8; i++)
        await expectStatus(200, at, '/parcels', { method: 'POST', body: bytes('B'), port: 9292 })
      await expectStatus(404, at, `/parcels/${'0'.repeat(64)}`, { port: 9292 })
      await expectStatus(404, at, `/${stem('B')}`, { port: 9292 })
      await expectStatus(200, at, '/report', { port: 9292 })
    },
  },
  maintain: (at, load) => (load === 'A' ? Promise.resolve() : signal(at, 'HUP')),
}
