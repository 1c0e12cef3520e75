import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { profileObject, sliceObject } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { decisionText, sliceText } from '../../src/fleet/nats/fleet-values.ts'
import { connections, encodeFrame } from '../../src/agent/pipeline/identity/nri/mux.ts'
import { encodeMessage } from '../../src/agent/pipeline/identity/nri/nri-messages.ts'
import { encodeTtrpc } from '../../src/agent/pipeline/identity/nri/ttrpc.ts'
import { base64Of, inTotoType } from '../../src/supplychain/attest/dsse.ts'
import { profilePredicate, statementText } from '../../src/supplychain/attest/statement.ts'
import { act } from '../fixtures/event-fixture.ts'
import { dnsAnswer } from '../fixtures/dns-messages.ts'
import { fileOf, service } from '../fixtures/gate-fixtures.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'
import { layers, savedImage, trivy } from '../fixtures/scan-fixtures.ts'
import { grypeReport, trivyReport } from '../fixtures/scanner-reports.ts'
import { falcoOpen, kubearmor, tetragonRead, traceeOpen } from '../fixtures/sensors/sensor-lines.ts'
import { rpmHeader } from '../fixtures/rpm-header.ts'
import { tinyBerkeley, tinyNdb } from '../fixtures/tiny-rpm-databases.ts'
import { tinySqlite } from '../fixtures/tiny-sqlite.ts'
import { commandSeeds, deviations, reportFrames } from './sensor-seeds.ts'

/**
 * Writes the inputs that fuzzing begins with, from what the encoders and fixtures really make. Inputs that once
 * found a fault stay: their names begin with `fault-`.
 */
const corpus = new URL('corpus/', import.meta.url).pathname
const at = (byte: number, text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([byte]), Buffer.from(text)])
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** What a runtime sends to a plugin: the answer to its registration, and calls. */
function nriFrames(): Buffer {
  const id = 'a'.repeat(64)
  const pod = { id: 'b'.repeat(64), uid: 'u' }
  const container = { id, podSandboxId: pod.id, name: 'web', state: 1 }
  const service = 'nri.pkg.api.v1alpha1.Plugin'
  const call = (stream: number, method: string, payload: Buffer): Buffer => {
    const request = { service, method, payload, timeoutNano: 2_000_000_000 }
    const data = encodeMessage('Request', request)
    return encodeFrame(connections.plugin, encodeTtrpc({ stream, type: 'request', data }))
  }
  const registered = encodeMessage('Response', { payload: Buffer.alloc(0) })
  const answer = encodeTtrpc({ stream: 1, type: 'response', data: registered })
  const all = { pods: [pod], containers: [container], more: false }
  return Buffer.concat([
    encodeFrame(connections.runtime, answer),
    call(1, 'Configure', Buffer.alloc(0)),
    call(3, 'Synchronize', encodeMessage('Synchronize', all)),
    call(5, 'StateChange', encodeMessage('StateChange', { event: 6, pod, container })),
    call(7, 'StartContainer', encodeMessage('Change', { pod, container })),
  ])
}

const image = { repository: 'shop/web', digest: `sha256:${'1'.repeat(64)}` }
const made = '2026-11-24T13:00:00Z'
const decided = { by: 'ann', at: made }
const subject = { name: image.repository, digest: image.digest }
const statement = statementText(
  profilePredicate,
  subject,
  { content: fileOf(service()), made },
  '1',
)
const finding = { id: 'CVE-1', package: 'bash', installed: '5.2', fixed: '5.3' } as never
const text = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url))

const seeds: Readonly<Record<string, Readonly<Record<string, Buffer>>>> = {
  commands: commandSeeds(),
  'dns-message': {
    addresses: dnsAnswer('api.test', [
      { owner: 'api.test', a: '192.0.2.1' },
      { owner: 'api.test', a: '192.0.2.2' },
    ]),
    aliases: dnsAnswer('www.shop.test', [
      { owner: 'www.shop.test', alias: 'edge.cdn.test' },
      { owner: 'edge.cdn.test', aaaa: [0x20, 1, 0xd, 0xb8, ...Array<number>(12).fill(0)] },
    ]),
  },
  paths: {
    plain: at(5, 'usr/bin/../lib/x'),
    dots: at(0, '/a//b/./c/../../..'),
    mounts: at(255, `srv/${'a'.repeat(255)}/${'b/'.repeat(40)}`),
  },
  'event-lines': {
    all: Buffer.from(deviations.map((event) => JSON.stringify(event)).join('\n')),
    repeated: Buffer.from(
      ['a', 'b', 'c', 'd'].map((name) => JSON.stringify(act.file(`/srv/${name}`))).join('\n'),
    ),
  },
  'sensor-lines': {
    falco: at(0, falcoOpen('/etc/hosts')),
    tetragon: at(1, tetragonRead('/etc/hosts')),
    tracee: at(2, traceeOpen('/etc/hosts')),
    kubearmor: at(3, kubearmor({ Operation: 'File', Resource: '/etc/hosts' })),
    audit: at(
      4,
      'type=SYSCALL msg=audit(1732455627.123:7): arch=c000003e syscall=257 success=yes exit=3 pid=8 uid=0 exe="/usr/bin/cat"\ntype=PATH msg=audit(1732455627.123:7): item=0 name="/etc/hosts" nametype=NORMAL\ntype=EOE msg=audit(1732455627.123:7):',
    ),
  },
  frames: { reports: reportFrames() },
  nri: { calls: at(40, nriFrames()) },
  'image-archive': {
    saved: await savedImage(layers.slice(0, 1), (layer) => layer),
  },
  'rpm-header': { bash: rpmHeader() },
  'rpm-database': {
    bash: tinySqlite([
      { name: 'Packages', kind: 'table', rows: [['', rpmHeader()]] },
      { name: 'Basenames', kind: 'table', rows: [['bash', 1, 0]] },
      { name: 'Basenames_key_idx', kind: 'index', rows: [['bash', 1]] },
    ]),
    berkeley: tinyBerkeley([rpmHeader()]),
    ndb: tinyNdb([rpmHeader()]),
  },
  packages: {
    dpkg: Buffer.from(
      '/var/lib/dpkg/status\nPackage: bash\nStatus: install ok installed\nVersion: 5.2\n\0/var/lib/dpkg/info/bash.list\n/.\n/bin\n/bin/bash\n',
    ),
    apk: Buffer.from('/lib/apk/db/installed\nP:musl\nV:1.2.5\nF:lib\nR:ld-musl.so.1\n\n'),
  },
  elf: { true: text('agent/build/sensor/clock.o').subarray(0, 2_048) },
  dsse: {
    signed: json({
      payloadType: inTotoType,
      payload: base64Of(new TextEncoder().encode(statement)),
      signatures: [{ keyid: 'a', sig: base64Of(new Uint8Array(64)) }],
    }),
    statement: Buffer.from(statement),
  },
  reports: {
    trivy: json(trivy),
    'trivy-os': json(trivyReport([finding], 'a:1', image.digest)),
    grype: json(grypeReport([finding], 'a:1', image.digest)),
    cyclonedx: json({
      bomFormat: 'CycloneDX',
      components: [
        { 'bom-ref': 'a', name: 'bash', version: '5.2', purl: 'pkg:deb/debian/bash@5.2' },
      ],
      vulnerabilities: [{ id: 'CVE-1', affects: [{ ref: 'a' }], ratings: [{ severity: 'high' }] }],
    }),
    spdx: json({
      spdxVersion: 'SPDX-2.3',
      packages: [{ SPDXID: 'a', name: 'bash', versionInfo: '5.2', externalRefs: [] }],
      files: [{ SPDXID: 'b', fileName: './bin/bash' }],
      relationships: [
        { spdxElementId: 'a', relatedSpdxElement: 'b', relationshipType: 'CONTAINS' },
      ],
    }),
    sarif: json({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'Trivy', rules: [{ id: 'CVE-1' }] } },
          results: [
            {
              ruleId: 'CVE-1',
              message: { text: 'Package: bash\nInstalled Version: 5.2\nSeverity: HIGH' },
              locations: [{ physicalLocation: { artifactLocation: { uri: 'bin/bash' } } }],
            },
          ],
        },
      ],
    }),
  },
  'kube-objects': {
    profile: json({
      ...profileObject(image),
      metadata: { name: 'shop-web', uid: 'u', generation: 2 },
      spec: {
        image,
        mode: { value: 'block', ...decided },
        decisions: [
          { behaviour: '*', action: 'approve', ...decided },
          { behaviour: `b${'0'.repeat(20)}`, action: 'reject', reason: 'x', ...decided },
        ],
      },
    }),
    slice: json(
      sliceObject(
        image,
        'n1',
        0,
        { metadata: { name: 'shop-web', uid: 'u' } } as never,
        {
          entries: [nodeEntry('/etc/hosts', 'n1')],
        } as never,
      ),
    ),
  },
  'fleet-values': {
    slice: Buffer.from(
      sliceText(image, 'n1', 'run', { learnedAt: made }, [nodeEntry('/etc/hosts', 'n1')]),
    ),
    decision: Buffer.from(
      decisionText({
        image,
        node: 'n1',
        entry: {
          ...nodeEntry('/etc/hosts', 'n1'),
          cells: [],
          decision: { kind: 'approved', ...decided, grants: [{ origin: 'entrypoint' }] },
        },
      }),
    ),
    mode: Buffer.from(decisionText({ image, node: 'n1', mode: { mode: 'block', ...decided } })),
  },
  'http-bodies': {
    mode: at(0, '{"mode":"block","reason":"x","canary":0.5,"canaryFor":"1h"}'),
    approve: at(3, '{"behaviours":["b00000000000000000000"],"reason":"x","dryRun":true}'),
  },
  config: {
    config: at(
      0,
      'listen: 127.0.0.1:1\nlearn: { floor: 1h }\nsinks:\n  - { name: a, type: http, url: "https://a.example" }\n',
    ),
    techniques: at(
      1,
      'schema: snug.techniques/v1\ntechniques:\n  - { id: a, attack: [T1005], why: x, when: [{ kind: exec, name: ["a*"] }] }\n',
    ),
    guardrails: at(2, text('profiles/guardrails.yaml').subarray(0, 1_500)),
    gate: at(3, text('profiles/gate.yaml')),
  },
}

for (const [target, inputs] of Object.entries(seeds)) {
  const folder = join(corpus, target)
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(inputs)) {
    rmSync(join(folder, name), { force: true })
    writeFileSync(join(folder, name), bytes)
  }
}
