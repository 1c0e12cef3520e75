import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Flags and configuration of the cluster's servers by their version, without a server. */
const versions = fileURLToPath(new URL('./cluster/versions.sh', import.meta.url))
const endpoint = 'unix:///run/c.sock'
let bin: string

beforeAll(() => {
  bin = mkdtempSync('/tmp/snug-versions-')
})
afterAll(() => rmSync(bin, { recursive: true, force: true }))

function ask(command: string): readonly string[] {
  const script = `set -euo pipefail; bin=${bin} socket=/run/c.sock; . ${versions}; ${command}`
  const text = execFileSync('bash', ['-c', script], { encoding: 'utf8', stdio: 'pipe' })
  return text.split('\n').filter((line) => line !== '')
}

function serverOf(version: string): void {
  const file = join(bin, 'kube-apiserver')
  writeFileSync(file, `#!/bin/sh\necho '${version}'\n`)
  chmodSync(file, 0o755)
}

describe('the version of the servers', () => {
  it.each([
    ['Kubernetes v1.20.2', '20'],
    ['Kubernetes v1.36.2', '36'],
    ['Kubernetes v1.31.0-rc.1+k3s1', '31'],
  ])('is read from the API server: %s', (version, minor) => {
    serverOf(version)
    expect(ask('minor_version')).toEqual([minor])
  })

  it.each(['Kubernetes v1.19.16', 'Kubernetes v2.0.0', ''])('is refused: `%s`', (version) => {
    serverOf(version)
    expect(() => ask('minor_version')).toThrow(/is no Kubernetes from 1\.20 on/)
  })
})

describe('servers of a version', () => {
  const runtime = ['--container-runtime=remote', `--container-runtime-endpoint=${endpoint}`]
  const gate = ['--feature-gates=EphemeralContainers=true']

  it.each<[number, readonly string[], readonly string[], readonly string[]]>([
    [20, gate, ['--port=0'], runtime],
    [22, gate, ['--port=0'], runtime],
    [23, [], [], runtime],
    [24, [], [], runtime.slice(1)],
    [26, [], [], runtime.slice(1)],
    [27, [], [], []],
    [36, [], [], []],
  ])('1.%i get the flags that they know', (minor, api, others, kubelet) => {
    expect(ask(`flags_of kube-apiserver ${minor}`)).toEqual(api)
    expect(ask(`flags_of kube-controller-manager ${minor}`)).toEqual(others)
    expect(ask(`flags_of kube-scheduler ${minor}`)).toEqual(others)
    expect(ask(`flags_of kubelet ${minor}`)).toEqual(kubelet)
  })

  it.each<[number, readonly string[]]>([
    [20, ['featureGates: {EphemeralContainers: true}']],
    [23, []],
    [26, []],
    [27, [`containerRuntimeEndpoint: ${endpoint}`]],
    [34, [`containerRuntimeEndpoint: ${endpoint}`]],
    [35, [`containerRuntimeEndpoint: ${endpoint}`, 'failCgroupV1: false']],
    [36, [`containerRuntimeEndpoint: ${endpoint}`, 'failCgroupV1: false']],
  ])('1.%i: the kubelet gets the configuration that it knows', (minor, lines) => {
    expect(ask(`kubelet_config_of ${minor}`)).toEqual(lines)
  })
})
