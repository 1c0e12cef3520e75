import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { derivedImage } from '../../fixtures/eval-debian.ts'
import { nginxImage } from '../../fixtures/images.ts'
import { webRate } from '../../fixtures/load.ts'
import { content, dataName, dataNames } from '../data.ts'
import { askOnce } from '../ask.ts'
import { type EvalService, type Place, signal } from '../service.ts'

/** Static files of a volume, a log in a volume, and uploads that are too large for memory on their way to a backend. */
const config = `worker_processes 2;
events { worker_connections 512; }
http {
  include /etc/nginx/mime.types;
  access_log /srv/web/log/access.log;
  error_log /srv/web/log/error.log;
  client_max_body_size 8m;
  server {
    listen 80;
    root /srv/web/media;
    location /upload { proxy_pass http://127.0.0.1:8081; }
  }
  server { listen 127.0.0.1:8081; location / { return 204; } }
}
`

export async function nginx(docker: Docker, image: string): Promise<EvalService> {
  await nginxImage(docker, 'snug-eval-base:nginx')
  const files = { '/etc/nginx/nginx.conf': config }
  const lines = [
    'CMD ["/bin/sh", "-c", "mkdir -p /srv/web/log && exec nginx -g \\"daemon off;\\""]',
  ]
  await derivedImage(docker, { name: image, from: 'snug-eval-base:nginx', files, lines })
  return {
    name: 'nginx',
    kind: 'web server',
    image,
    port: 80,
    folder: '/srv/web',
    load: async (at, season) => {
      const names = publish(at, 12)
      for (const name of names) await ask(at, `/${name}`, {})
      const [first = ''] = names
      if (season === 'learn') await ask(at, '/missing.html', {})
      else {
        await ask(at, `/${dataName()}.php?id=1%27`, {})
        await ask(at, `/${first}`, { method: 'HEAD' })
        await ask(at, `/${first}`, { headers: { range: 'bytes=10-20' } })
      }
      await ask(at, '/upload', { method: 'POST', body: content(season === 'learn' ? 2e6 : 3e6) })
      await webRate(`http://${at.address}/${first}`, 1)
    },
    reload: (at) => signal(at, 'HUP'),
    rotate: async (at) => {
      const log = join(at.folder, 'log/access.log')
      if (existsSync(log)) renameSync(log, `${log}.${Date.now()}`)
      await signal(at, 'USR1')
    },
  }
}

function publish(at: Place, count: number): readonly string[] {
  const media = join(at.folder, 'media')
  mkdirSync(media, { recursive: true })
  return dataNames(count).map((name) => {
    const file = `${name}.jpg`
    writeFileSync(join(media, file), content(2_000))
    return file
  })
}

async function ask(at: Place, path: string, options: RequestInit): Promise<void> {
  const answer = await askOnce(`http://${at.address}${path}`, options)
  await answer.arrayBuffer()
  if (answer.status >= 500) throw new Error(`nginx answered ${path} with ${answer.status}`)
}
