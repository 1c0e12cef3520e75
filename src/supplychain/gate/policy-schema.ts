import { z } from 'zod'
import { gateLevels, type GatePolicy, seenThresholds } from './policy.ts'
import { severityNames } from '../scan/report.ts'
import { duration } from '../../support/config/value-schema.ts'

const text = z.string().min(1)
const level = (otherwise: (typeof gateLevels)[number]) => z.enum(gateLevels).default(otherwise)

/** A day ends with it, in UTC. */
const dayPattern = /^\d{4}-\d{2}-\d{2}$/
const until = z
  .union([z.iso.date(), z.iso.datetime()], {
    error: 'must be a day such as `2027-03-31`, or a time such as `2027-03-31T12:00:00Z`',
  })
  .transform((time) => (dayPattern.test(time) ? `${time}T23:59:59.999Z` : time))
  .meta({ description: 'a day, to its end in UTC, or a time' })

const granted = {
  owner: text.max(200).meta({ description: 'who answers for it' }),
  until,
  reason: text.max(1_000),
}

const behaviourPart = z.strictObject({
  newProgram: level('approve').meta({
    description: 'a program or script that nothing of the baseline ran',
  }),
  newPeer: level('approve').meta({
    description: 'an address or name, and port, it never connected to',
  }),
  newListen: level('approve').meta({ description: 'a port it never listened on' }),
  newWrite: level('approve').meta({
    description: 'a file outside of `dataPaths` that is written, made, renamed or removed',
  }),
  newRoot: level('approve').meta({
    description: 'a program that acts as uid 0, or becomes it, and never did',
  }),
  newCapability: level('approve').meta({ description: 'a capability that nothing used' }),
  newSyscall: level('approve').meta({
    description: 'a sensitive system call, or a change of user, that nothing made',
  }),
  newRead: level('allow').meta({ description: 'a file that is read or mapped' }),
  otherUse: level('approve').meta({
    description: 'what was known of another program or user only; of files, not looked at',
  }),
  guardrail: level('approve').meta({
    description: 'acts that tripped a guardrail while they were recorded',
  }),
  noBaseline: level('warn').meta({
    description: 'there is no profile to compare with, so that nothing of the above can be told',
  }),
  lostEvidence: level('approve').meta({
    description: 'acts are known to be missing from the profile',
  }),
  dataPaths: z
    .array(text)
    .default([
      '/tmp/**',
      '/var/tmp/**',
      '/dev/shm/**',
      '/run/**',
      '/var/run/**',
      '/var/log/**',
      '/var/cache/**',
      '/dev/{null,zero,full,tty,pts/*,stdout,stderr,fd/*}',
      '/proc/{[0-9]*,self,<pid>}/**',
    ])
    .meta({ description: 'globs: what the service writes there is its own data' }),
})

const layer = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be a diff id, `sha256:…`')

/** An image that others are built on. */
export const baseImage = z.strictObject({ name: text, layers: z.array(layer).min(1) })

const imagePart = z.strictObject({
  root: level('warn').meta({ description: 'the image names no user, or root' }),
  base: z
    .strictObject({
      level: level('approve'),
      approved: z.array(baseImage).min(1).meta({
        description:
          'images that others may be built on, each by its diff ids (`docker image inspect`, `RootFS.Layers`), the bottom one first',
      }),
    })
    .exactOptional(),
  age: z
    .strictObject({
      level: level('approve'),
      max: duration.meta({ description: 'an image built before that is too old' }),
    })
    .transform(({ level: what, max }) => ({ level: what, maxMs: max }))
    .exactOptional(),
})

const vulnerabilitiesPart = z.strictObject({
  level: level('approve'),
  from: z
    .enum(severityNames)
    .default('high')
    .meta({ description: 'this severity, or a higher one' }),
  seen: z.enum(seenThresholds).default('loaded').meta({
    description:
      '`in-use`: a program of the package ran; `loaded`: or a file of it was opened or mapped; `any`: also what was never seen',
  }),
  onlyFixed: z.boolean().default(false).meta({
    description: 'only those for which a fixed version of the package is there',
  }),
  exceptions: z
    .array(
      z.strictObject({
        id: text.meta({ description: 'as the report has it: `CVE-2026-12345`' }),
        package: text.exactOptional(),
        ...granted,
      }),
    )
    .default([]),
})

/** A gate's policy file. */
export const gatePolicySchema = z
  .strictObject({
    schema: z.literal('snug.gate/v1'),
    behaviour: behaviourPart.prefault({}),
    image: imagePart.prefault({}),
    vulnerabilities: vulnerabilitiesPart.prefault({}),
    approvals: z
      .array(
        z.strictObject({
          finding: text.min(4).meta({
            description: 'the id that the gate prints; of a behaviour its beginning is enough',
          }),
          ...granted,
        }),
      )
      .default([]),
  })
  .meta({ title: 'Snug gate policy, v1' })

type Parsed = z.output<typeof gatePolicySchema>

/** What the schema gives is a policy: said here, so that the two cannot drift apart. */
export function policyOf({ behaviour, image, vulnerabilities, approvals }: Parsed): GatePolicy {
  return { behaviour, image, vulnerabilities, approvals }
}
