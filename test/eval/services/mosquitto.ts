import { execFile } from 'node:child_process'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { debianFolder, serviceImage } from '../../fixtures/eval-debian.ts'
import { dataName } from '../data.ts'
import { type EvalService, type Place, signal } from '../service.ts'

const run = promisify(execFile)
const packages = ['mosquitto', 'mosquitto-clients'] as const

const config = `listener 1883
allow_anonymous true
user mosquitto
persistence true
persistence_location /var/lib/mosquitto/
autosave_interval 3
log_dest file /srv/log/mosquitto.log
`

export async function mosquitto(docker: Docker, image: string): Promise<EvalService> {
  const files = { '/etc/mosquitto/mosquitto.conf': config }
  const lines = ['CMD ["/usr/sbin/mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"]']
  await serviceImage(docker, { name: image, packages, files, lines })
  return {
    name: 'mosquitto',
    kind: 'message broker',
    image,
    port: 1883,
    folder: '/srv/log',
    load: async (at, season) => {
      const topic = `${season === 'learn' ? 'sensors' : 'orders/eu'}/${dataName()}`
      const hears = ['-t', `${topic}/#`, '-C', '20', '-W', '20']
      const quality = season === 'learn' ? '1' : '2'
      const args = ['-t', `${topic}/a`, '-m', dataName(), '-q', quality, '-r']
      const says = [...args, '--repeat', '60', '--repeat-delay', '0.03']
      await Promise.all([client(at, 'mosquitto_sub', hears), client(at, 'mosquitto_pub', says)])
    },
    reload: (at) => signal(at, 'HUP'),
    rotate: async (at) => {
      const log = join(at.folder, 'mosquitto.log')
      if (existsSync(log)) renameSync(log, `${log}.${Date.now()}`)
      await signal(at, 'HUP')
    },
    // It writes its database at once.
    backup: (at) => signal(at, 'USR1'),
  }
}

async function client(at: Place, program: string, args: readonly string[]): Promise<void> {
  const root = await debianFolder(packages)
  await run('chroot', [root, `/usr/bin/${program}`, '-h', at.address, ...args])
}
