import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { runCli } from '../fixtures/agent.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { Registry } from '../fixtures/registry.ts'
import { trivyReport } from '../fixtures/scanner-reports.ts'
import { snugOnPath } from '../fixtures/tutorial.ts'
import { patienceMs } from '../fixtures/patience.ts'
import { keyPair } from '../fixtures/key-pair.ts'

/**
 * The commands of the files in deploy/ci, each in the shell that its system uses, with inputs resolved as it does. The
 * systems themselves are not here: nothing checks that they accept the files.
 */
type Inputs = Readonly<Record<string, string>>
interface Step {
  readonly shell: readonly string[]
  readonly commands: string
  readonly env: Inputs
}

const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-ci-files-')
const at = (name: string): string => join(folder, name)
let registry: Registry

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../deploy/ci/${file}`, import.meta.url)), 'utf8')

interface Declared {
  readonly default?: string
}

interface Action {
  readonly inputs: Readonly<Record<string, Declared>>
  readonly runs: {
    readonly steps: readonly { readonly if?: string; readonly env: Inputs; readonly run: string }[]
  }
}

function valuesOf(declared: Readonly<Record<string, Declared>>, given: Inputs): Inputs {
  expect(Object.keys(declared)).toEqual(expect.arrayContaining(Object.keys(given)))
  return Object.fromEntries(
    Object.entries(declared).map(([name, each]) => {
      const value = given[name] ?? each.default
      if (value === undefined) throw new Error(`the input ${name} is required`)
      return [name, value]
    }),
  )
}

function githubSteps(given: Inputs): readonly Step[] {
  const { inputs, runs } = parse(read('github/action.yml')) as Action
  const values = valuesOf(inputs, given)
  const resolved = (text: string): string =>
    text.replaceAll(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`no input ${name}`)
      return value
    })
  const isOn = (condition: string): boolean => {
    const name = /^\$\{\{ inputs\.([\w-]+) != '' \}\}$/.exec(condition)?.[1] ?? ''
    if (values[name] === undefined) throw new Error(`the condition ${condition}`)
    return values[name] !== ''
  }
  return runs.steps
    .filter((step) => step.if === undefined || isOn(step.if))
    .map(({ run, env }) => ({
      shell: ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c'],
      commands: run,
      env: Object.fromEntries(Object.entries(env).map(([name, text]) => [name, resolved(text)])),
    }))
}

function gitlabSteps(given: Inputs): readonly Step[] {
  const [head, body] = parseAllDocuments(read('gitlab/templates/snug.yml')).map(
    (each) => each.toJS() as unknown,
  )
  const { spec } = head as { spec: { inputs: Record<string, Declared> } }
  const values = valuesOf(spec.inputs, given)
  const { snug } = body as { snug: { variables: Inputs; script: readonly string[] } }
  const env = Object.entries(snug.variables).map(([name, text]) => {
    const input = /^\$\[\[ inputs\.([\w-]+) \]\]$/.exec(text)?.[1] ?? ''
    if (values[input] === undefined) throw new Error(`no input for ${name}`)
    return [name, values[input]]
  })
  const commands = snug.script.join('\n')
  return [{ shell: ['bash', '-eo', 'pipefail', '-c'], commands, env: Object.fromEntries(env) }]
}

function jenkinsSteps(given: Inputs): readonly Step[] {
  const text = read('jenkins/vars/snug.groovy')
  const camel = (name: string): string =>
    name.replaceAll(/-(\w)/g, (_, c: string) => c.toUpperCase())
  const settings = Object.fromEntries(Object.entries(given).map(([name, v]) => [camel(name), v]))
  const env: Record<string, string> = {}
  for (const [, name = '', setting = '', otherwise = ''] of text.matchAll(
    /"(\w+)=\$\{settings\.(\w+)(?: \?: '(.*?)')?\}"/g,
  )) {
    env[name] = settings[setting] ?? otherwise
    delete settings[setting]
  }
  expect(settings).toEqual({})
  return [...text.matchAll(/\bsh (?:'''([^]*?)'''|'([^'\n]*)')/g)].map(([, long, short = '']) => ({
    shell: ['sh', '-xec'],
    // As Groovy reads it.
    commands: (long ?? short).replaceAll('\\\n', ''),
    env,
  }))
}

interface Run {
  readonly code: number
  readonly output: string
}

/** Until a step fails. */
async function runAll(steps: readonly Step[], cwd: string): Promise<Run> {
  let output = ''
  for (const { shell, commands, env } of steps) {
    const [program = '', ...args] = shell
    const code = await new Promise<number>((resolve) => {
      const options = {
        cwd,
        env: {
          ...process.env,
          PATH: `${snugOnPath(folder)}:${process.env['PATH']}`,
          DOCKER_HOST: `unix://${socket}`,
          DOCKER_CONFIG: at('docker'),
          SNUG_ENGINES_DOCKER_SOCKET: socket,
          GITHUB_STEP_SUMMARY: join(cwd, 'summary.md'),
          ...env,
        },
        timeout: patienceMs,
      }
      execFile(program, [...args, commands], options, (error, stdout, stderr) => {
        output += stdout + stderr
        resolve(error === null ? 0 : typeof error.code === 'number' ? error.code : 128)
      })
    })
    if (code !== 0) return { code, output }
  }
  return { code: 0, output }
}

async function build(name: string, script: string): Promise<string> {
  return busyboxImage(docker, {
    name,
    files: { '/bin/job': `#!/bin/sh\n${script}\n`, '/srv/numbers': '1\n2\n' },
    dockerfile: ['CMD ["/bin/job"]'],
  })
}

beforeAll(async () => {
  registry = await Registry.start()
  const { publicKey, privateKey } = keyPair()
  writeFileSync(at('ci.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(at('ci.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe.each([
  ['GitHub', githubSteps, 'snug-gate.sarif'],
  ['GitLab', gitlabSteps, 'snug-gate.xml'],
  ['Jenkins', jenkinsSteps, 'snug-gate.xml'],
] as const)('the commands for %s', (system, stepsOf, report) => {
  test('record, scan, gate and attest a version, and attest none that has an open finding', async () => {
    const cwd = at(system)
    mkdirSync(cwd)
    const repository = `${registry.host}/${system.toLowerCase()}/job`
    const [first, second] = [`${repository}:1`, `${repository}:2`]
    const work = 'cat /srv/numbers > /tmp/result'
    const imageId = await build(first, work)
    const finding = {
      id: 'CVE-2026-0001',
      package: 'libexample1',
      source: 'example',
      installed: '1.0-1',
      fixed: '1.0-2',
    }
    writeFileSync(join(cwd, 'scan.json'), JSON.stringify(trivyReport([finding], first, imageId)))
    const of = (image: string): Inputs => ({
      image,
      tests: `for run in 1 2 3; do docker run --rm "$IMAGE"; done`,
      key: at('ci.key'),
      'plain-http': 'yes',
    })
    try {
      const verify = (image: string) =>
        runCli(['verify', image, '--key', at('ci.pub'), '--plain-http'])
      const scanned = { ...of(first), scan: 'scan.json' }
      const vulnerable = await runAll(stepsOf(scanned), cwd)
      expect(vulnerable.code, vulnerable.output).toBe(2)
      expect(vulnerable.output).toContain(`${finding.id} (unknown) in libexample1`)
      const vex = JSON.parse(readFileSync(join(cwd, 'snug.openvex.json'), 'utf8')) as object
      expect(vex).toMatchObject({ statements: [{ vulnerability: { name: finding.id } }] })
      expect(await verify(first)).not.toMatchObject({ code: 0 })

      const policyOf = (rules: object): void =>
        writeFileSync(join(cwd, 'gate.yaml'), JSON.stringify({ schema: 'snug.gate/v1', ...rules }))
      const approval = { owner: 'job', until: '2099-01-01', reason: 'not reachable' }
      policyOf({ approvals: [{ finding: `${finding.id}@libexample1`, ...approval }] })
      const accepted = await runAll(stepsOf({ ...scanned, policy: 'gate.yaml' }), cwd)
      expect(accepted.code, accepted.output).toBe(0)
      expect(await verify(first)).toMatchObject({ code: 0 })

      await build(second, `${work}\ncp /srv/numbers /srv/copy`)
      rmSync(join(cwd, report))
      const more = { baseline: first, 'public-key': at('ci.pub') }
      const refused = await runAll(stepsOf({ ...of(second), ...more }), cwd)
      expect(refused.code, refused.output).toBe(2)
      expect(refused.output).toContain('write /srv/copy')
      expect(readFileSync(join(cwd, report), 'utf8')).toContain('/srv/copy')
      expect(await verify(second)).not.toMatchObject({ code: 0 })

      policyOf({ behaviour: { dataPaths: ['/srv/**'] } })
      const decided = await runAll(stepsOf({ ...of(second), ...more, policy: 'gate.yaml' }), cwd)
      expect(decided.code, decided.output).toBe(0)
      expect(await verify(second)).toMatchObject({ code: 0 })
      expect(existsSync(join(cwd, 'summary.md'))).toBe(system === 'GitHub')
    } finally {
      for (const image of [first, second]) {
        await docker
          .getImage(image)
          .remove({ force: true })
          .catch((error: { readonly statusCode?: number }) => {
            if (error.statusCode !== 404) throw error
          })
      }
    }
  })
})
