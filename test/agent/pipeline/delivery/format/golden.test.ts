import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type AuditRecord, canonicalJson } from '../../../../../src/core/event/outbound-record.ts'
import { incidentToOcsf } from '../../../../../src/agent/pipeline/delivery/format/incident.ts'
import { auditToEcs, auditToOcsf } from '../../../../../src/agent/pipeline/delivery/format/audit.ts'
import {
  isJson,
  renderer,
  renderWithin,
} from '../../../../../src/agent/pipeline/delivery/format/format.ts'
import { alertFormats } from '../../../../../src/core/event/alert-format.ts'
import { toOcsf } from '../../../../../src/agent/pipeline/delivery/format/ocsf.ts'
import {
  executedAlerts,
  hostile,
  hostileAlert,
  product,
  sampleAlerts,
  sampleAudits,
  sampleIncidents,
  sessionAlerts,
} from '../../../../fixtures/format-alerts.ts'
import { entityManagement, incidentFinding } from '../../../../fixtures/format-ocsf-schema.ts'

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../golden/${name}`, import.meta.url))

describe('each format', () => {
  it.each(alertFormats)('%s output of the same alerts is unchanged', async (format) => {
    const render = renderer(format, product)
    const alerts = [...sampleAlerts, ...executedAlerts, ...sessionAlerts]
    const lines = alerts.map((alert) => `${render(alert)}\n`).join('')
    await expect(lines).toMatchFileSnapshot(golden(`alerts.${format}`))
  })

  it.each(alertFormats)('%s output of the same audit entries is unchanged', async (format) => {
    const render = renderer(format, product)
    const lines = sampleAudits()
      .map((record) => `${render(record)}\n`)
      .join('')
    await expect(lines).toMatchFileSnapshot(golden(`audit.${format}`))
  })

  it.each(alertFormats)('%s output of the same incidents is unchanged', async (format) => {
    const render = renderer(format, product)
    const lines = [...sampleIncidents(), ...sampleIncidents(hostile)]
      .map((record) => `${render(record)}\n`)
      .join('')
    await expect(lines).toMatchFileSnapshot(golden(`incidents.${format}`))
  })
})

describe('an incident', () => {
  const [begun, closed, ended] = sampleIncidents()
  const incident = begun?.incident ?? ''
  const [sample] = sampleAlerts
  const alert = sample && { ...sample, incident }

  it('has its id in the field of each format that its alerts have it in', () => {
    if (alert === undefined || begun === undefined) throw new Error('there is no sample')
    const both = [alert, begun]
    for (const format of alertFormats) {
      for (const record of both) {
        const line = renderer(format, product)(record)
        if (!isJson(format)) expect(line).toMatch(new RegExp(`[ \t]incident=${incident}\\b`))
        else expect(JSON.parse(line)).toMatchObject(joinedBy(format, incident))
      }
    }
  })

  it.each(alertFormats)('in %s keeps what identifies it where it is shortened', (format) => {
    for (const record of sampleIncidents('y'.repeat(65_536))) {
      const line = renderWithin(renderer(format, product), 2_048)(record)
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(2_048)
      if (isJson(format)) expect(JSON.parse(line)).toMatchObject(joinedBy(format, incident))
      else expect(line).toContain(`incident=${incident}`)
    }
  })

  it('is an OCSF Incident Finding with what the class requires, created, updated and closed', () => {
    for (const record of [...sampleIncidents(), ...sampleIncidents(hostile)]) {
      expect(incidentFinding.safeParse(incidentToOcsf(record, product)).error).toBeUndefined()
    }
    if (begun === undefined || closed === undefined || ended === undefined) throw new Error()
    const types = [begun, { ...begun, revision: 4 }, closed, ended].map(
      (record) => incidentToOcsf(record, product)['type_uid'],
    )
    expect(types).toEqual([200_501, 200_502, 200_503, 200_503])
    expect(incidentToOcsf(closed, product)).toMatchObject({ assignee: { name: 'cli:root' } })
    expect(incidentToOcsf(ended, product)['status_detail']).toBe(`joined to ${ended.into}`)
  })
})

/** Where a format has the id of an incident. */
function joinedBy(format: string, incident: string): object {
  switch (format) {
    case 'ecs':
      return { labels: { incident } }
    case 'ocsf':
      return { metadata: { correlation_uid: incident } }
    case 'falco':
      return { output_fields: { 'snug.incident': incident } }
    default:
      return { incident }
  }
}

describe('the person of a session', () => {
  const rendered = (format: (typeof alertFormats)[number]): readonly string[] =>
    sessionAlerts.map(renderer(format, product))
  const parsed = (format: (typeof alertFormats)[number]): readonly unknown[] =>
    rendered(format).map((line) => JSON.parse(line) as unknown)
  const name = 'alice@example.org'
  const why = 'unknown: requests of several persons fit'

  it('is in the field of each format, and nobody is where it is not known', () => {
    expect(parsed('json')).toMatchObject([
      { sessions: [{ person: { name, certainty: 'certain' } }] },
      { sessions: [{ person: { certainty: 'unknown', candidates: 2 } }] },
      { sessions: [{ person: { name } }] },
    ])
    const [ecs, ecsNobody] = parsed('ecs')
    expect(ecs).toMatchObject({
      source: { ip: '10.1.2.3', user: { name } },
      related: { user: [name, 'deployer'], ip: ['10.1.2.3'] },
      user_agent: { original: 'kubectl/v1.32.4' },
      user: { id: '101' },
    })
    expect(ecsNobody).not.toHaveProperty('source')
    expect(ecsNobody).not.toHaveProperty('related')
    // The source of a connection is the container.
    expect(parsed('ecs')[2]).toMatchObject({ source: { user: { name } } })
    expect(parsed('ecs')[2]).not.toHaveProperty('source.ip')
    expect(parsed('ocsf')[2]).not.toHaveProperty('evidences[0].src_endpoint')
    for (const format of ['cef', 'leef'] as const) {
      expect(rendered(format)[2]).toContain(name)
      expect(rendered(format)[2]).not.toContain('src=')
    }
    const [ocsf, ocsfNobody] = parsed('ocsf')
    expect(ocsf).toMatchObject({
      evidences: [{ actor: { user: { name } }, src_endpoint: { ip: '10.1.2.3' } }],
    })
    expect(ocsfNobody).not.toHaveProperty('evidences[0].actor.user')
    const [cef = '', cefNobody = ''] = rendered('cef')
    expect(cef).toContain(` suser=${name} src=10.1.2.3 `)
    expect(cefNobody).not.toContain('suser=')
    expect(cefNobody).toContain(`persons=${why}`)
    const [leef = '', leefNobody = ''] = rendered('leef')
    expect(leef).toContain(`\tusrName=${name}\tsrc=10.1.2.3\t`)
    expect(leefNobody).toContain(`\tpersons=${why}`)
    expect(parsed('falco')).toMatchObject([
      { output_fields: { 'ka.user.name': name } },
      { output_fields: { 'snug.persons': why } },
      { output_fields: { 'ka.user.name': name } },
    ])
  })
})

describe('the hash of what was executed', () => {
  const render = (id: string, format: (typeof alertFormats)[number]): string => {
    const alert = executedAlerts.find((one) => one.id.endsWith(id))
    return alert === undefined ? '' : renderer(format, product)(alert)
  }
  const sha256 = 'c0ffee'.padEnd(64, '0')
  const hashes = [{ algorithm_id: 3, algorithm: 'SHA-256', value: sha256 }]

  it('is that of the program in the field of each format', () => {
    expect(JSON.parse(render('HASH', 'json'))).toMatchObject({ event: { exec: { sha256 } } })
    expect(JSON.parse(render('HASH', 'ecs'))).toMatchObject({
      process: { executable: '/tmp/x', hash: { sha256 } },
      file: { path: '/tmp/x', hash: { sha256 } },
    })
    const program = { process: { file: { path: '/tmp/x', hashes } } }
    expect(JSON.parse(render('HASH', 'ocsf'))).toMatchObject({
      evidences: [{ actor: program, ...program }],
    })
    expect(render('HASH', 'cef')).toContain(` filePath=/tmp/x fileHash=${sha256} `)
    expect(render('HASH', 'leef')).toContain(`\tfileHash=${sha256}\t`)
    expect(JSON.parse(render('HASH', 'falco'))).toMatchObject({
      output_fields: { 'snug.file.path': '/tmp/x', 'snug.file.sha256': sha256 },
    })
  })

  it('of a script is never that of its interpreter', () => {
    const ecs = JSON.parse(render('SCRIPT', 'ecs')) as Record<string, object>
    expect(ecs).toMatchObject({ file: { path: '/tmp/run', hash: { sha256 } } })
    expect(ecs['process']).not.toHaveProperty('hash')
    const ocsf = JSON.parse(render('SCRIPT', 'ocsf')) as { evidences: object[] }
    expect(ocsf.evidences).toMatchObject([{ file: { path: '/tmp/run', hashes } }])
    expect(ocsf.evidences[0]).not.toHaveProperty('process.file.hashes')
    expect(ocsf.evidences[0]).not.toHaveProperty('actor.process.file.hashes')
  })

  it.each(alertFormats)('is a reason in %s where there is none', (format) => {
    expect(render('UNHASHED', format)).toMatch(/unhashed["=:]+ended/)
  })
})

describe('an OCSF Detection Finding', () => {
  it('is an update where the count rose, and closed where it was decided on', () => {
    const activity = (id: string): unknown => {
      const alert = sampleAlerts.find((one) => one.id.endsWith(id))
      return alert && toOcsf(alert, product)['type_uid']
    }
    expect([activity('EXEC'), activity('FILE'), activity('CONNE')]).toEqual([
      200_401, 200_402, 200_403,
    ])
  })
})

describe('an audit entry', () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

  it.each(alertFormats.filter(isJson))(
    'in %s holds the text of which its hash is, and the hash of the one before',
    (format) => {
      const render = renderer(format, product)
      let previous = '0'.repeat(64)
      for (const record of sampleAudits(hostile)) {
        const found = chainOf(format, JSON.parse(render(record)))
        expect(sha256(found.text)).toBe(found.hash)
        expect(found.previous).toBe(previous)
        expect(JSON.parse(found.text)).toMatchObject({ reason: record.entry['reason'] })
        previous = found.hash
      }
    },
  )

  it('keeps its place in the chain where it is shortened', () => {
    const [first] = sampleAudits('y'.repeat(65_536))
    if (first === undefined) throw new Error('there is no sample')
    const line = renderWithin(renderer('json', product), 2_048)(first)
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(2_048)
    expect(JSON.parse(line)).toMatchObject({ hash: first.hash, entry: { seq: 1 } })
  })

  it.each(sampleAudits().map((record) => [record.entry.what, record] as const))(
    'of %s is an OCSF Entity Management with what the class requires',
    (_, record) => {
      const found = auditToOcsf(record, product)
      expect(entityManagement.safeParse(found).error).toBeUndefined()
    },
  )

  it.each([
    ['tool-call', 'Read', 'access'],
    ['mode', 'Update', 'change'],
  ])('of %s is a %s, and of the type %s in ECS', (what, activity, type) => {
    const [sample] = sampleAudits()
    if (sample === undefined) throw new Error('there is no sample')
    const record = { ...sample, entry: { ...sample.entry, what } }
    expect(auditToOcsf(record, product)['activity_name']).toBe(activity)
    expect(auditToEcs(record, product)).toMatchObject({ event: { type: [type] } })
  })
})

interface Chain {
  readonly text: string
  readonly hash: string
  readonly previous: string
}

/** Where each format has it. */
function chainOf(format: string, found: Record<string, never>): Chain {
  const at = (...path: string[]): string =>
    String(path.reduce<unknown>((node, step) => Reflect.get(Object(node), step), found))
  switch (format) {
    case 'json': {
      const { entry } = found as unknown as AuditRecord
      return { text: canonicalJson(entry), hash: at('hash'), previous: at('entry', 'previous') }
    }
    case 'ecs':
      return {
        text: at('snug', 'audit', 'entry'),
        hash: at('event', 'hash'),
        previous: at('snug', 'audit', 'previous'),
      }
    case 'ocsf':
      return {
        text: at('raw_data'),
        hash: at('raw_data_hash', 'value'),
        previous: at('unmapped', 'previous'),
      }
    default:
      return {
        text: at('output_fields', 'snug.audit.entry'),
        hash: at('output_fields', 'snug.audit.hash'),
        previous: at('output_fields', 'snug.audit.previous'),
      }
  }
}

describe('a line within a limit', () => {
  const long = hostileAlert('y'.repeat(65_536))

  it.each(alertFormats)('of %s is whole and names the alert, with less in it', (format) => {
    const line = renderWithin(renderer(format, product), 8_192)(long)
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8_192)
    expect(line).toContain(long.id)
    if (line.startsWith('{')) expect(JSON.parse(line)).toBeTypeOf('object')
  })

  it.each(alertFormats.filter(isJson))(
    'of %s is valid with ever so many samples and loaded files',
    (format) => {
      const [one] = hostileAlert('y'.repeat(128)).samples ?? []
      if (one === undefined) throw new Error('there is no sample')
      const many = Array.from({ length: 128 }, (_, n) => ({ ...one, id: `b-${n}` }))
      const alert = { ...hostileAlert('y'), samples: many, loaded: many }
      const line = renderWithin(renderer(format, product), 8_192)(alert)
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8_192)
      expect(JSON.parse(line)).toBeTypeOf('object')
    },
  )

  it('is left as it is where it fits', () => {
    const [alert] = sampleAlerts
    if (alert === undefined) throw new Error('there is no sample')
    const render = renderer('json', product)
    expect(renderWithin(render, 8_192)(alert)).toBe(render(alert))
  })

  it('marks in the alert that arguments are missing', () => {
    const line = renderWithin(renderer('json', product), 8_192)(long)
    expect(JSON.parse(line)).toMatchObject({ process: { argsCut: true } })
  })

  it('is cut at its end, between two characters, where nothing else helps', () => {
    const line = renderWithin(() => 'ü'.repeat(100), 33)(long)
    expect(line).toBe('ü'.repeat(16))
  })
})
