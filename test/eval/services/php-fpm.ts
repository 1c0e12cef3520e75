import { expectStatus, web } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const site = `user www-data;
worker_processes 1;
pid /run/site.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 64; }
http {
  access_log /var/log/nginx/access.log;
  client_body_temp_path /var/lib/nginx/body;
  client_max_body_size 10m;
  server {
    listen 80;
    root /srv/board;
    location / { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME /srv/board/index.php; fastcgi_pass unix:/run/php/board.sock; }
  }
}
`

const pool = `[global]
error_log = /var/log/php-fpm.log
daemonize = yes
[board]
user = www-data
group = www-data
listen = /run/php/board.sock
listen.owner = www-data
pm = dynamic
pm.max_children = 4
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
pm.max_requests = 20
`

const program = `<?php
session_save_path('/var/lib/board/sessions');
session_start();
$topic = basename($_GET['topic'] ?? 'all');
$folder = "/var/lib/board/topics/$topic";
if (isset($_FILES['file'])) {
  @mkdir($folder, 0777, true);
  move_uploaded_file($_FILES['file']['tmp_name'], "$folder/" . basename($_FILES['file']['name']));
  echo 'kept';
} elseif ($_SERVER['REQUEST_METHOD'] === 'POST') {
  @mkdir($folder, 0777, true);
  file_put_contents("$folder/" . uniqid('post-', true) . '.txt', file_get_contents('php://input'));
  touch("$folder/index.lock");
  file_put_contents("$folder/index", "x\\n", FILE_APPEND | LOCK_EX);
  echo 'said';
} elseif (is_dir($folder)) {
  foreach (glob("$folder/post-*.txt") as $post) { readfile($post); }
} else { http_response_code(404); }
`

function upload(at: Place, load: LoadName, topic: string): Promise<string> {
  const form = new FormData()
  form.set('file', new Blob([new Uint8Array(bytes(load))]), `${stem(load)}.png`)
  return expectStatus(200, at, `/?topic=${topic}`, { method: 'POST', body: form })
}

/** A board in PHP behind a web server: a pool of workers, uploads, sessions, a folder for each topic. */
export const phpFpm: Service = {
  name: 'php-fpm',
  kind: 'app',
  packages: ['php8.4-fpm'],
  uses: ['nginx-light'],
  files: {
    '/etc/board/site.conf': site,
    '/etc/board/pool.conf': pool,
    '/srv/board/index.php': program,
  },
  build: [
    'install -d -o www-data /var/lib/board /var/lib/board/sessions /var/lib/board/topics /run/php',
  ],
  start: `mkdir -p /run/php
/usr/sbin/php-fpm8.4 --fpm-config /etc/board/pool.conf
exec nginx -c /etc/board/site.conf -g 'daemon off;'`,
  port: 80,
  data: '/var/lib/board/topics',
  load: {
    A: async (at) => {
      const topic = stem('A')
      for (let i = 0; i < 3; i++)
        await expectStatus(200, at, `/?topic=${topic}`, { method: 'POST', body: prose('A') })
      await upload(at, 'A', topic)
      await expectStatus(200, at, `/?topic=${topic}`)
    },
    B: async (at) => {
      const topic = `${user('B')}-${stem('B')}`
      for (let i = 0; i < 4; i++)
        await expectStatus(200, at, `/?topic=${topic}`, { method: 'POST', body: prose('B') })
      await upload(at, 'B', topic)
      await web(at, `/?topic=${stem('B')}`)
    },
  },
}
