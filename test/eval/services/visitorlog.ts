import { expectStatus } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const program = `<?php
$data = '/var/lib/visitorlog';
$db = new SQLite3("$data/visits.db");
$db->busyTimeout(5000);
$db->exec('CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, who TEXT, body TEXT)');
session_save_path("$data/sessions");
session_start();
$_SESSION['hits'] = ($_SESSION['hits'] ?? 0) + 1;
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/sign') {
  $insert = $db->prepare('INSERT INTO entries (who, body) VALUES (?, ?)');
  $insert->bindValue(1, $_GET['who']);
  $insert->bindValue(2, file_get_contents('php://input'));
  $insert->execute();
  echo $db->lastInsertRowID();
} elseif ($path === '/picture') {
  $draft = tempnam("$data/pictures", 'up');
  file_put_contents($draft, file_get_contents('php://input'));
  rename($draft, "$data/pictures/" . basename($_GET['name']) . '.jpg');
  echo 'kept';
} elseif ($path === '/backup') {
  copy("$data/visits.db", "$data/visits-" . date('Ymd-His') . '.db');
  echo 'done';
} else { http_response_code(404); }
`

/** A log of visitors, in PHP: SQLite, sessions, pictures. */
export const visitorlog: Service = {
  name: 'visitorlog',
  kind: 'app',
  packages: ['php-sqlite3'],
  uses: ['php-cli'],
  files: { '/srv/visitorlog/index.php': program },
  build: [
    'install -d -o www-data /var/lib/visitorlog /var/lib/visitorlog/sessions /var/lib/visitorlog/pictures',
  ],
  user: 'www-data',
  start:
    'PHP_CLI_SERVER_WORKERS=2 exec /usr/bin/php -S 0.0.0.0:8080 -t /srv/visitorlog /srv/visitorlog/index.php',
  port: 8080,
  data: '/var/lib/visitorlog/pictures',
  load: {
    A: async (at) => {
      const post = { method: 'POST', port: 8080 }
      for (let i = 0; i < 4; i++)
        await expectStatus(200, at, `/sign?who=${user('A')}`, { ...post, body: prose('A') })
      await expectStatus(200, at, `/picture?name=${stem('A')}`, { ...post, body: bytes('A') })
    },
    B: async (at) => {
      const post = { method: 'POST', port: 8080 }
      for (let i = 0; i < 4; i++) {
        await expectStatus(200, at, `/sign?who=${user('B')}`, { ...post, body: prose('B') })
        await expectStatus(200, at, `/picture?name=${stem('B')}`, { ...post, body: bytes('B') })
      }
      await expectStatus(404, at, `/${stem('B')}`, { port: 8080 })
    },
  },
  maintain: async (at) => {
    await expectStatus(200, at, '/backup', { port: 8080 })
  },
}
