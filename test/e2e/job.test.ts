import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { GateResult } from '../../src/supplychain/findings/finding.ts'
import {
  parseProfileDocument,
  type ProfileDocument,
} from '../../src/supplychain/export/profile-document.ts'
import { cliPath } from '../fixtures/agent.ts'
import { Acts, hex } from '../sensor/acts.ts'
import { buildImage, removeTree } from '../sensor/container.ts'
import { collector, NpmJob, poison, publish } from '../fixtures/npm-job.ts'

const install = ['npm', 'install', '--no-audit', '--no-fund']
const name = ['--job', 'shop/build/install']
let job: NpmJob

beforeAll(async () => {
  job = await NpmJob.start()
  publish(job.packages, { name: 'left', version: '1.0.0', dependencies: { right: '^1.0.0' } })
  publish(job.packages, { name: 'right', version: '1.0.0' })
})

afterAll(async () => {
  await job[Symbol.asyncDispose]()
})

const profileAt = (file: string): ProfileDocument =>
  parseProfileDocument(JSON.parse(readFileSync(job.path(file), 'utf8')))

const runsIn = ({ recordings = [] }: ProfileDocument): number =>
  recordings.reduce((sum, { runs }) => sum + runs.length, 0)

const judged = (...more: readonly string[]): readonly string[] => [
  ...name,
  '--mode',
  'audit',
  '--profile',
  job.path('learned.json'),
  ...more,
]

/** Findings that fail the step, each as rule and text. */
function failing({ findings }: GateResult): readonly string[] {
  return findings
    .filter(({ level }) => level === 'approve')
    .map(({ rule, text }) => `${rule} ${text}`)
}

async function audit(command: readonly string[]): Promise<GateResult & { readonly code: number }> {
  const { code, stdout, stderr } = await job.record(judged('-o', 'json'), command)
  expect(stdout, stderr).not.toBe('')
  return { ...(JSON.parse(stdout) as GateResult), code }
}

test('a job that fails gives no profile, and fails the step', async () => {
  const out = job.path('failed.json')
  const { code, stderr } = await job.record([...name, '--out', out], ['sh', '-c', 'exit 7'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('`sh` exited with exit code 7')])
  expect(existsSync(out)).toBe(false)
})

test('two installs give the profile of the job, which counts its runs and has its peer', async () => {
  const learned = job.path('learned.json')
  for (const more of [[], ['--profile', learned]]) {
    job.needs({ left: '^1.0.0' })
    const { code, stderr } = await job.record([...name, ...more, '--out', learned], install)
    expect(code, stderr).toBe(0)
  }
  const document = profileAt('learned.json')
  expect([document.image.repository, runsIn(document)]).toEqual([name[1], 2])
  const objects = document.behaviours.map(({ object }) => object)
  const peer = { kind: 'connect', protocol: 'tcp', peer: 'registry.test.', port: 4873 }
  expect(objects).toContainEqual(peer)
  expect(objects).toContainEqual(expect.objectContaining({ kind: 'exec', path: '/usr/bin/node' }))
  expect(objects).toContainEqual({
    kind: 'file',
    access: 'read',
    path: expect.stringMatching(/^\/home\/.*\.npmrc$/),
  })
  // What it installs and where is of no interest: the next run has other files.
  const files = objects.filter(({ kind }) => kind === 'file')
  expect(files).toHaveLength(1)
  expect(job.cgroups).toEqual([])
})

test('further packages, patch versions, and caches that are cold or warm are no deviation', async () => {
  publish(job.packages, { name: 'right', version: '1.0.1', files: { 'more/lib.js': 'x' } })
  publish(job.packages, { name: 'third', version: '2.3.4', dependencies: { right: '*' } })
  for (const isCold of [true, false]) {
    if (isCold) execFileSync('rm', ['-rf', join(job.home, '.npm')])
    job.needs({ left: '^1.0.0', third: '*' })
    expect(await audit(install)).toMatchObject({ code: 0, passed: true, findings: [] })
  }
})

test('tools that the job never ran before are no deviation', async () => {
  writeSources(job.path('sources'))
  const tools = [
    'git init -q repository && cd repository && cp ../sources/* . && git add . && git -c user.name=a -c user.email=a@b commit -qm x && cd .. && git clone -q repository clone',
    'cd sources && make',
    'tar -czf sources.tgz sources && mkdir -p unpacked && tar -xzf sources.tgz -C unpacked',
    'cd sources && node --test',
    'sh -c "sed s/a/b/ sources/main.c > changed && sort changed | uniq | wc -l"',
    'python3 -c "import tempfile, subprocess; subprocess.run([\'true\']); tempfile.mkdtemp()"',
  ]
  for (const tool of tools) {
    const result = await audit(['sh', '-ec', `cd ${job.folder}; ${tool}`])
    expect({ tool, code: result.code, failing: failing(result) }).toEqual({
      tool,
      code: 0,
      failing: [],
    })
  }
})

function writeSources(folder: string): void {
  mkdirSync(folder)
  const files = {
    'main.c': 'int main(void) { return 0; }\n',
    Makefile: 'main: main.c\n\tcc -O2 -o main main.c\n\t./main\n',
    'server.test.mjs': `
      import { createServer } from 'node:http'
      import test from 'node:test'
      test('serves', async () => {
        const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
        await new Promise((resolve) => server.once('listening', resolve))
        await fetch('http://127.0.0.1:' + server.address().port)
        server.close()
      })
    `,
  }
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
}

test('a registry that has another address behind its name is no deviation', async () => {
  await job.move()
  job.needs({ left: '^1.0.0' })
  expect(await audit(install)).toMatchObject({ code: 0, findings: [] })
})

test('a run without a deviation is added to the profile', async () => {
  job.needs({ left: '^1.0.0' })
  const { code, stderr } = await job.record(judged('--update'), install)
  expect([code, stderr]).toEqual([0, expect.stringContaining('3 container runs')])
  expect(runsIn(profileAt('learned.json'))).toBe(3)
})

test('a release that steals is named in the log, in the summary and in SARIF, and fails the step', async () => {
  publish(job.packages, { name: 'right', version: '1.0.2', ...poison })
  // npm need not ask for new versions while it has a list of them.
  execFileSync('rm', ['-rf', join(job.home, '.npm')])
  job.needs({ left: '^1.0.0' })
  const sarif = job.path('job.sarif')
  const summary = job.path('summary.md')
  const env = { GITHUB_STEP_SUMMARY: summary }
  const result = await job.record(judged('--update', '--sarif', sarif), install, env)
  expect([result.code, result.stderr]).toEqual([2, expect.any(String)])
  const stolen = [
    new RegExp(`/usr/bin/node: connect to tcp ${collector}:443`),
    /\/usr\/bin\/node: read \/home\/.*\/\.ssh\/id_rsa/,
    /\/usr\/bin\/cat: read \/home\/.*\/\.npmrc/,
  ]
  for (const text of [result.stdout, readFileSync(summary, 'utf8'), readFileSync(sarif, 'utf8')])
    for (const act of stolen) expect(text).toMatch(act)
  expect(job.taken).toContain('the key')
  expect(runsIn(profileAt('learned.json'))).toBe(3)
})

test.each([
  ['the memory of another process', 'cat /proc/$$/environ >/dev/null', 'guardrail'],
  ['a file that a shell runs at login', 'echo true >> ~/.bashrc', 'guardrail'],
  [
    'a service of systemd',
    'mkdir -p ~/.config/systemd/user && : > ~/.config/systemd/user/x.service',
    'guardrail',
  ],
])('what touches %s fails the step', async (_, line, rule) => {
  const result = await audit(['sh', '-c', line])
  expect([result.code, failing(result)[0]]).toEqual([2, expect.stringContaining(rule)])
})

test('a process that outlives the command is let go, and the cgroup of the job is removed', async () => {
  const pid = job.path('pid')
  const line = `sleep 1000 <&- >&- 2>&- & echo $! > ${pid}`
  const { code, stderr } = await job.record(judged(), ['sh', '-c', line])
  const left = Number(readFileSync(pid, 'utf8'))
  try {
    expect([code, stderr]).toEqual([0, expect.stringContaining('1 processes outlived the command')])
    expect(readFileSync(`/proc/${left}/cgroup`, 'utf8')).not.toMatch(/[0-9a-f]{64}/)
    expect(job.cgroups).toEqual([])
  } finally {
    process.kill(left)
  }
})

test('a runner that is itself in a container is refused', async () => {
  const inner = [process.execPath, cliPath, 'record', '--job', 'inner', '--', 'true']
  const { code, stderr } = await job.record([...name, '--out', job.path('outer.json')], inner)
  expect([code, stderr]).toEqual([1, expect.stringContaining('(JOB_UNWATCHED)')])
})

test('an event of another container of the host is no finding of the job', async () => {
  const image = buildImage()
  const other = new Acts(image)
  onTestFinished(async () => {
    await other.stop()
    removeTree(image)
  })
  const [ready, done] = [job.path('ready'), job.path('done')]
  const waits = `touch ${ready}; while [ ! -e ${done} ]; do sleep 0.1; done`
  const run = job.record(judged('-o', 'json'), ['sh', '-c', waits])
  await expect.poll(() => existsSync(ready)).toBe(true)
  expect(await other.did([`mount ${hex('/mnt')}`])).toEqual(['0'])
  writeFileSync(done, '')
  const { code, stdout } = await run
  expect([code, failing(JSON.parse(stdout) as GateResult)]).toEqual([0, []])
})

test('in mode block the command runs only where this kernel refuses deviations', async () => {
  const ran = job.path('ran')
  const options = [...name, '--mode', 'block', '--profile', job.path('learned.json')]
  const { code, stderr } = await job.record(options, ['touch', ran])
  expect(existsSync(ran), stderr).toBe(code === 0)
  if (code !== 0) expect([code, stderr]).toEqual([1, expect.stringContaining('(JOB_UNBLOCKED)')])
})

test('with sudo the command runs as the user who called it', async () => {
  const made = job.path('made')
  execFileSync('chmod', ['777', job.folder])
  const env = { SUDO_UID: '65534', SUDO_GID: '65534', SUDO_USER: 'nobody' }
  const { code, stdout } = await job.record(judged(), ['sh', '-c', `id -u > ${made}`], env)
  expect(code, stdout).toBe(0)
  expect([readFileSync(made, 'utf8').trim(), statSync(made).uid]).toEqual(['65534', 65534])
})
