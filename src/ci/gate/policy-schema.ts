import { z } from 'zod'
import type { View } from '../../core/view.ts'
import { severityNames } from '../../supplychain/findings/report.ts'
import { duration } from '../../support/config/value-schema.ts'

/** The level of a finding: the gate stays shut until somebody approves it, the gate reports it, or only counts it. */
const gateLevels = ['approve', 'warn', 'allow'] as const
export type GateLevel = (typeof gateLevels)[number]

/** How near a vulnerable package must be to running for it to count. */
const seenThresholds = ['in-use', 'loaded', 'any'] as const
export type SeenThreshold = (typeof seenThresholds)[number]

const text = z.string().min(1)
const level = (otherwise: GateLevel) => z.enum(gateLevels).default(otherwise)

/** A day ends with it, in UTC. */
const dayPattern = /^\d{4}-\d{2}-\d{2}$/
const until = z
  .union([z.iso.date(), z.iso.datetime()], {
    error: 'must be a day such as `2027-03-31`, or a time such as `2027-03-31T12:00:00Z`',
  })
  .transform((time) => (dayPattern.test(time) ? `${time}T23:59:59.999Z` : time))
  .meta({ description: 'a day, to its end in UTC, or a time' })

const granted = {
  owner: text.max(200).meta({ description: 'person who is responsible for the approval' }),
  until,
  reason: text.max(1_000),
}

/** Behaviour of a version that its baseline does not allow. */
const behaviourPart = z.strictObject({
  newProgram: level('approve').meta({
    description: 'a program or script that the baseline does not execute',
  }),
  newPeer: level('approve').meta({
    description: 'an address or name, with port, that the baseline does not connect to',
  }),
  newListen: level('approve').meta({ description: 'a port that the baseline does not listen on' }),
  newWrite: level('approve').meta({
    description: 'a file outside of `dataPaths` that the image writes, creates, renames or deletes',
  }),
  newRoot: level('approve').meta({
    description: 'a program that runs as uid 0, or changes to it, unlike in the baseline',
  }),
  newCapability: level('approve').meta({
    description: 'a capability that the baseline does not use',
  }),
  newSyscall: level('approve').meta({
    description: 'a sensitive system call, or a change of user, that the baseline does not make',
  }),
  newRead: level('allow').meta({
    description: 'a file that the image reads or maps, unlike the baseline',
  }),
  otherUse: level('approve').meta({
    description:
      'a behaviour that the baseline has only for another program or user; ignored for files',
  }),
  guardrail: level('approve').meta({
    description: 'behaviours that tripped a guardrail while the profile was recorded',
  }),
  noBaseline: level('warn').meta({
    description: 'no baseline exists, so that new behaviours cannot be determined',
  }),
  lostEvidence: level('approve').meta({
    description: 'the profile has known losses',
  }),
  blindAttack: level('approve').meta({
    description: 'with `--contrast`: a recorded attack that the profile expects',
  }),
  notRepresentative: level('approve').meta({
    description: 'with `--representative`: something that the profile must have seen, and did not',
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
    .meta({
      description: 'globs of folders with data of the service; writes there are not findings',
    }),
})
export type BehaviourPolicy = View<typeof behaviourPart>

const layer = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be a diff id, `sha256:…`')

/** An image that others are built on. */
export const baseImage = z.strictObject({ name: text, layers: z.array(layer).min(1) })
export type BaseImage = View<typeof baseImage>

const imagePart = z.strictObject({
  root: level('warn').meta({ description: 'the image names no user, or root' }),
  base: z
    .strictObject({
      level: level('approve'),
      approved: z.array(baseImage).min(1).meta({
        description:
          'allowed base images, each as its diff ids (`docker image inspect`, `RootFS.Layers`), the lowest first',
      }),
    })
    .exactOptional(),
  age: z
    .strictObject({
      level: level('approve'),
      max: duration.meta({ description: 'maximum age of the image' }),
    })
    .transform(({ level: what, max }) => ({ level: what, maxMs: max }))
    .exactOptional(),
})
export type ImagePolicy = View<typeof imagePart>

/** Lets one vulnerability pass for a while. */
const vulnerabilityException = z.strictObject({
  id: text.meta({ description: 'id in the report, such as `CVE-2026-12345`' }),
  /** Only in this package. */
  package: text.exactOptional(),
  ...granted,
})
export type VulnerabilityException = View<typeof vulnerabilityException>

const vulnerabilitiesPart = z.strictObject({
  level: level('approve'),
  from: z.enum(severityNames).default('high').meta({ description: 'minimum severity' }),
  seen: z.enum(seenThresholds).default('loaded').meta({
    description:
      '`in-use`: a program of the package ran; `loaded`: also if a file of it was opened or mapped; `any`: also packages without observed use',
  }),
  onlyFixed: z.boolean().default(false).meta({
    description: 'only vulnerabilities with a fixed version of the package',
  }),
  exceptions: z.array(vulnerabilityException).default([]),
})
export type VulnerabilityPolicy = View<typeof vulnerabilitiesPart>

/** Lets one finding pass for a while. */
const findingApproval = z.strictObject({
  finding: text.min(4).meta({
    description: 'id that the gate prints; for a behaviour, its beginning is enough',
  }),
  ...granted,
})
export type FindingApproval = View<typeof findingApproval>

/** A gate's policy file. */
export const gatePolicySchema = z
  .strictObject({
    schema: z.literal('snug.gate/v1'),
    behaviour: behaviourPart.prefault({}),
    image: imagePart.prefault({}),
    vulnerabilities: vulnerabilitiesPart.prefault({}),
    approvals: z.array(findingApproval).default([]),
  })
  .meta({ title: 'Snug gate policy, v1' })

export type GatePolicy = Omit<View<typeof gatePolicySchema>, 'schema'>
