import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import { kubeAccess } from '../../../src/fleet/kubernetes/access.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snug-access-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function kubeconfig(
  user: object,
  cluster: object = { server: 'https://10.0.0.1:6443/one' },
): string {
  const path = join(folder, 'config')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return error instanceof SnugError ? error.code : String(error)
  }
  return 'none'
}

describe('access by a kubeconfig', () => {
  it('asks a plugin for the credentials', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'of the plugin', expirationTimestamp: '2999-01-01T00:00:00Z' },
    }
    const args = ['-c', `echo run >>${folder}/runs; echo '${JSON.stringify(credential)}'`]
    const { apiVersion } = credential
    const exec = { apiVersion, command: '/bin/sh', args, interactiveMode: 'Never' }
    const access = kubeAccess(kubeconfig({ exec }))
    expect(access.server.href).toBe('https://10.0.0.1:6443/one')
    const { headers, agent } = await access.options()
    expect(headers).toMatchObject({ Authorization: 'Bearer of the plugin' })
    // One agent, so that connections are kept.
    expect((await access.options()).agent).toBe(agent)
  })

  it('reads the token file of a user', async () => {
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'of the file')
    const access = kubeAccess(kubeconfig({ 'auth-provider': { name: 'x', config: { tokenFile } } }))
    expect((await access.options()).headers).toMatchObject({ Authorization: 'Bearer of the file' })
  })

  it.each<[string, () => string]>([
    ['is missing', () => join(folder, 'none')],
    [
      'is no YAML',
      () => {
        writeFileSync(join(folder, 'config'), '{')
        return join(folder, 'config')
      },
    ],
    ['names no cluster', () => kubeconfig({}, {}).replace('config', 'other')],
    ['has an address that is none', () => kubeconfig({}, { server: 'the server' })],
  ])('fails with a code where the file %s', (_, file) => {
    expect(codeOf(() => kubeAccess(file()))).toBe('KUBE_ACCESS')
  })

  it('fails with a code outside of a pod', () => {
    expect(codeOf(() => kubeAccess('pod'))).toBe('KUBE_ACCESS')
  })
})
