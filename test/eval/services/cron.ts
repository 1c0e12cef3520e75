import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { serviceImage } from '../../fixtures/eval-debian.ts'
import { content, dataNames } from '../data.ts'
import type { EvalService } from '../service.ts'

const table = `SHELL=/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
* * * * * www-data collect
* * * * * root report
`

/** What came in is sorted into a file of the minute. */
const collect = `#!/bin/sh
set -eu
draft=$(mktemp)
for file in /srv/in/*; do
  [ -f "$file" ] || continue
  sha256sum "$file" >>"$draft"
done
sort "$draft" >"/var/lib/jobs/list-$(date +%Y-%m-%dT%H:%M:%S)"
rm -f "$draft"
echo "$(date) collected" >>/var/lib/jobs/collect.log
`

const report = `#!/bin/sh
set -eu
find /var/lib/jobs -name 'list-*' -mmin +0 -delete
cat /var/lib/jobs/list-* 2>/dev/null | wc -l >/var/lib/jobs/total || true
tar -czf "/var/backups/jobs-$(date +%Y%m%d-%H%M%S).tar.gz" -C /var/lib jobs
ls -t /var/backups/jobs-*.tar.gz | tail -n +2 | xargs -r rm -f
logrotate --force /etc/jobs-logrotate
`

const rotation = `/var/lib/jobs/collect.log {
  su root root
  rotate 1
  compress
  missingok
}
`

export async function cron(docker: Docker, image: string): Promise<EvalService> {
  const files = {
    '/etc/cron.d/jobs': table,
    '/usr/local/bin/collect': collect,
    '/usr/local/bin/report': report,
    '/etc/jobs-logrotate': rotation,
  }
  const lines = [
    'RUN chmod 644 /etc/cron.d/jobs /etc/jobs-logrotate && chmod 755 /usr/local/bin/* && install -d -o www-data -m 777 /var/lib/jobs',
    'CMD ["/usr/sbin/cron", "-f"]',
  ]
  await serviceImage(docker, { name: image, packages: ['cron', 'logrotate'], files, lines })
  return {
    name: 'cron',
    kind: 'scheduled jobs',
    image,
    folder: '/srv/in',
    // Containers of one minute make the same names: to be taken for a pattern, names need three minutes.
    periodMs: { learn: 130_000, judge: 70_000 },
    load: async (at, season) => {
      for (const name of dataNames(season === 'learn' ? 5 : 9))
        writeFileSync(join(at.folder, name), content(500))
    },
  }
}
