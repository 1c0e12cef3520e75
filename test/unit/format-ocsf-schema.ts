import { z } from 'zod'

/**
 * Detection Finding (class 2004) of OCSF 1.5, as far as Snug fills it: what the published attribute lists require,
 * and the published values of each enumeration. Strict, so that no attribute goes out that the class does not have.
 */
const ms = z.int().min(1_000_000_000_000)
const text = z.string().min(1)
const technique = z.strictObject({ technique: z.strictObject({ uid: text }) })
const file = z.strictObject({ name: text, path: text, type_id: z.int().min(0).max(7) })
const parent = z.strictObject({ pid: z.int().optional(), name: text, path: text, file })
const process = z.strictObject({
  pid: z.int().optional(),
  name: text,
  path: text.optional(),
  cmd_line: z.string().optional(),
  file,
  user: z.strictObject({ uid: text, type_id: z.literal([0, 1, 2, 3]) }).optional(),
  session: z.strictObject({ uid: text }).optional(),
  parent_process: parent.optional(),
})
const container = z.strictObject({
  uid: text,
  name: text.optional(),
  image: z.strictObject({ uid: text, name: text, tag: text.optional() }),
  orchestrator: text.optional(),
  labels: z.array(text).optional(),
})
const endpoint = z.strictObject({ ip: text, port: z.int(), hostname: text.optional() })
const evidence = z
  .strictObject({
    uid: text.optional(),
    name: text,
    actor: z.strictObject({ process }).optional(),
    container: container.optional(),
    process: process.optional(),
    file: file.optional(),
    src_endpoint: endpoint.optional(),
    dst_endpoint: endpoint.optional(),
    connection_info: z
      .strictObject({
        direction_id: z.literal([0, 1, 2, 3]),
        direction: text,
        protocol_name: text,
      })
      .optional(),
    data: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(
    ({ actor, process: started, file: touched, data, src_endpoint, dst_endpoint }) =>
      [actor, started, touched, data, src_endpoint, dst_endpoint].some(Boolean),
    'has none of the attributes of which one is required',
  )
const observed = z.strictObject({
  observation_type: text,
  observed_attribute: text,
  observed_pattern: text,
  observations: z.array(z.strictObject({ value: text, count: z.int().optional() })).min(1),
})

export const detectionFinding = z
  .strictObject({
    activity_id: z.literal([1, 2, 3]),
    activity_name: z.literal(['Create', 'Update', 'Close']),
    category_uid: z.literal(2),
    category_name: z.literal('Findings'),
    class_uid: z.literal(2004),
    class_name: z.literal('Detection Finding'),
    type_uid: z.int(),
    type_name: text,
    time: ms,
    start_time: ms,
    end_time: ms,
    count: z.int().min(1),
    severity_id: z.literal([2, 3, 4, 5]),
    severity: z.literal(['Low', 'Medium', 'High', 'Critical']),
    status_id: z.literal([1, 4]),
    status: z.literal(['New', 'Resolved']),
    message: text,
    is_alert: z.literal(true),
    action_id: z.literal([1, 2, 3, 4]),
    action: text,
    disposition_id: z.literal([2, 15]),
    disposition: z.literal(['Blocked', 'Detected']),
    metadata: z.strictObject({
      version: z.literal('1.5.0'),
      uid: text,
      log_name: text,
      profiles: z.array(z.literal(['security_control', 'container', 'host'])),
      product: z.strictObject({ name: text, vendor_name: text, version: text }),
    }),
    finding_info: z.strictObject({
      uid: text,
      title: text,
      desc: text,
      types: z.array(text),
      created_time: ms,
      first_seen_time: ms,
      last_seen_time: ms,
      analytic: z.strictObject({
        type_id: z.literal([0, 1, 2, 3, 4]),
        type: text,
        uid: text.optional(),
        name: text,
      }),
      attacks: z.array(technique).optional(),
    }),
    attacks: z.array(technique).optional(),
    device: z.strictObject({ hostname: text, name: text, type_id: z.int(), type: text }),
    container: container.optional(),
    evidences: z.array(evidence).min(1),
    anomaly_analyses: z
      .array(
        z.strictObject({
          analysis_target: z.strictObject({ name: text, type: text }),
          anomalies: z.array(observed).min(1),
          baselines: z.array(observed).optional(),
        }),
      )
      .optional(),
    unmapped: z.record(z.string(), z.unknown()),
  })
  .refine(({ type_uid, activity_id }) => type_uid === 200_400 + activity_id)

/** Entity Management (class 3004), likewise. */
export const entityManagement = z.strictObject({
  category_uid: z.literal(3),
  category_name: text,
  class_uid: z.literal(3004),
  class_name: text,
  activity_id: z.literal([1, 2, 3, 4]),
  activity_name: text,
  type_uid: z.int().min(300_401).max(300_404),
  type_name: text,
  time: ms,
  severity_id: z.literal([2, 3, 4, 5]),
  severity: text,
  status_id: z.literal(1),
  status: text,
  message: text,
  metadata: z.strictObject({
    version: text,
    uid: text,
    log_name: text,
    sequence: z.int().min(1),
    profiles: z.array(text),
    product: z.strictObject({ name: text, vendor_name: text, version: text }),
  }),
  actor: z.strictObject({ user: z.strictObject({ name: text }) }),
  device: z.strictObject({ hostname: text, name: text, type_id: z.int(), type: text }),
  entity: z.strictObject({ name: text, type: text }),
  comment: z.string().optional(),
  raw_data: text,
  raw_data_hash: z.strictObject({ algorithm_id: z.literal(3), algorithm: text, value: text }),
  unmapped: z.record(z.string(), z.unknown()),
})
