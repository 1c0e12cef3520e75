import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { serviceImage } from '../../fixtures/eval-debian.ts'
import { content, dataName } from '../data.ts'
import { askOnce } from '../ask.ts'
import { type EvalService, type Place, signal } from '../service.ts'

/**
 * A small application such as many teams have: notes in SQLite, uploads, reports by way of temporary files,
 * backups, old ones removed. `/run` is its hole: whoever finds it runs Python in a fork of a worker.
 */
export const appSource = `import datetime, io, os, shutil, signal, sqlite3, tarfile, tempfile, uuid
DATA = '/var/lib/app'

def db():
    found = sqlite3.connect(DATA + '/notes.db', timeout=20)
    found.execute('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT)')
    return found

def note(body):
    with db() as notes:
        notes.execute('INSERT INTO notes (body) VALUES (?)', (body.decode('latin-1'),))
        return str(notes.execute('SELECT count(*) FROM notes').fetchone()[0])

def upload(name, body):
    os.makedirs(DATA + '/uploads', exist_ok=True)
    with open(DATA + '/uploads/' + os.path.basename(name), 'wb') as out:
        out.write(body)
    return 'stored'

def report():
    with tempfile.NamedTemporaryFile('w+', prefix='report-') as draft:
        for row in db().execute('SELECT id, length(body) FROM notes LIMIT 100'):
            draft.write('%d %d\\n' % row)
        draft.seek(0)
        return draft.read()

def backup():
    folder = DATA + '/backup'
    os.makedirs(folder, exist_ok=True)
    stamp = datetime.datetime.now().strftime('%Y-%m-%dT%H:%M:%S')
    with tarfile.open(folder + '/app-' + stamp + '.tar.gz', 'w:gz') as tar:
        tar.add(DATA + '/notes.db')
    for old in sorted(os.listdir(folder))[:-2]:
        os.unlink(os.path.join(folder, old))
    return stamp

def run(code):
    pid = os.fork()
    if pid == 0:
        try:
            exec(compile(code, '<run>', 'exec'), {'os': os, '__name__': 'run'})
        except BaseException as error:
            os._exit(getattr(error, 'errno', None) or 99)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return 'signal %d' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'exit %d' % os.WEXITSTATUS(status)

def app(environ, respond):
    path = environ['PATH_INFO']
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    if path == '/note': said = note(body)
    elif path.startswith('/upload/'): said = upload(path, body)
    elif path == '/report': said = report()
    elif path == '/backup': said = backup()
    elif path == '/run': said = run(body.decode())
    elif path.startswith('/file/'):
        try:
            with open(DATA + '/uploads/' + os.path.basename(path), 'rb') as found:
                said = str(len(found.read()))
        except FileNotFoundError:
            respond('404 Not Found', []); return [b'']
    else:
        respond('404 Not Found', []); return [b'']
    respond('200 OK', [('Content-Type', 'text/plain')])
    return [said.encode()]
`

export const appLines = [
  'RUN install -d -o www-data -g www-data /var/lib/app',
  'USER www-data',
  'WORKDIR /app',
  'CMD ["/usr/bin/gunicorn", "-w", "2", "-b", "0.0.0.0:8000", "--access-logfile", "/srv/log/access.log", "--error-logfile", "/srv/log/error.log", "app:app"]',
]

export const appPackages = ['gunicorn', 'python3'] as const

/** Makes temporary names numbers, so that acts and versions are judged by themselves and not by such names. */
export const numberedNames: Readonly<Record<string, string>> = {
  '/usr/lib/python3/dist-packages/numbered-names.pth':
    "import tempfile; tempfile._RandomNameSequence.characters = '0123456789'\n",
}

export async function numberedApp(docker: Docker, image: string): Promise<EvalService> {
  return gunicorn(docker, image, numberedNames)
}

export async function gunicorn(
  docker: Docker,
  image: string,
  more: Readonly<Record<string, string>> = {},
): Promise<EvalService> {
  const files = { '/app/app.py': appSource, ...more }
  await serviceImage(docker, { name: image, packages: appPackages, files, lines: appLines })
  return {
    name: 'gunicorn',
    kind: 'Python application',
    image,
    port: 8000,
    folder: '/srv/log',
    ready: async (at) => {
      await askApp(at, '/report')
    },
    load: async (at, season) => {
      for (let i = 0; i < 8; i++) {
        const name = `${dataName()}.bin`
        await askApp(at, '/note', content(season === 'learn' ? 100 : 5_000))
        await askApp(at, `/upload/${name}`, content(season === 'learn' ? 10_000 : 300_000))
        await askApp(at, `/file/${season === 'learn' ? name : oddly(name, i)}`)
      }
      await askApp(at, '/report')
    },
    reload: async (at) => {
      await signal(at, 'HUP')
      await askApp(at, '/report')
    },
    rotate: async (at) => {
      const log = join(at.folder, 'access.log')
      if (existsSync(log)) renameSync(log, `${log}.${Date.now()}`)
      await signal(at, 'USR1')
    },
    backup: async (at) => {
      await askApp(at, '/backup')
    },
  }
}

/** Now and then somebody asks for what is not there. */
function oddly(name: string, turn: number): string {
  return turn % 3 === 0 ? `${name}.old` : name
}

/** One request; a worker that is being replaced may cut it off, so it is tried again. */
export async function askApp(at: Place, path: string, body?: Buffer | string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      const signal = AbortSignal.timeout(10_000)
      const options = body === undefined ? { signal } : { method: 'POST', body, signal }
      const answer = await askOnce(`http://${at.address}:8000${path}`, options)
      const said = await answer.text()
      if (answer.status >= 500) throw new Error(`${path}: ${answer.status}`)
      return said
    } catch (error) {
      const { State } = await at.container.inspect()
      if (tries > 40 || !State.Running) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
