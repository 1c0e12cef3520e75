import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { stem } from '../words.ts'

const worker = `#!/bin/sh
mkdir -p /srv/album/index
while :; do
  for picture in /srv/host/*.ppm; do
    [ -f "$picture" ] || continue
    name=$(basename "$picture" .ppm)
    day=$(date +%Y/%m)
    mkdir -p "/srv/album/$day"
    gm convert "$picture" "/srv/album/$day/$name.jpg" &&
      gm convert "$picture" -resize 64x64 "/srv/album/$day/$name.small.png" || true
    case $name in *r*) gm convert "$picture" -rotate 90 "/srv/album/$day/$name.webp" || true ;; esac
    echo "<li>$name</li>" >>/srv/album/index/new.html
    mv /srv/album/index/new.html "/srv/album/index/$(date +%d).html"
    cp "/srv/album/index/$(date +%d).html" /srv/album/index/new.html
    rm -f "$picture"
  done
  sleep 0.5
done
`

function picture(at: Place, load: LoadName): Promise<void> {
  const [draft, path] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.ppm`)]
  if (existsSync(path)) return Promise.resolve()
  const [width, height] = load === 'A' ? [80, 60] : [400, 300]
  const pixels = Buffer.alloc(width * height * 3, Math.floor(Math.random() * 250))
  writeFileSync(draft, Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), pixels]))
  renameSync(draft, path)
  return Promise.resolve()
}

/** A worker that makes small pictures of large ones, and an index of them. */
export const thumbnailer: Service = {
  name: 'thumbnailer',
  kind: 'job',
  packages: ['graphicsmagick'],
  files: { '/usr/local/bin/album-keeper': worker },
  build: ['install -d -o www-data /srv/album'],
  user: 'www-data',
  start: 'exec /usr/local/bin/album-keeper',
  data: '/srv/album',
  load: {
    A: (at) => picture(at, 'A'),
    B: (at) => picture(at, 'B'),
  },
}
