import { type Origin, origins } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import { type AddressBlock, everyIpv4, surroundsIpv4, within } from '../behaviour/address-block.ts'
import type { Allowance } from '../profile/allowance.ts'
import { compareBlocks } from '../profile/pattern-index.ts'
import { groupOf } from '../behaviour/subject.ts'
import { type AddressPrefix, type KernelRule, tagOf } from './kernel-profile.ts'

export interface PrefixRules {
  readonly prefixes: readonly AddressPrefix[]
  readonly rules: readonly KernelRule[]
}

/**
 * Rules for address blocks. The kernel looks up only the longest prefix of all, so each prefix also
 * gets a rule for every actor that has one for a surrounding prefix.
 */
export function prefixRules(admissions: readonly Allowance[], now: Micros): PrefixRules {
  const blocks = new Map<string, AddressBlock>()
  const groups = new Map<string, Allowance[]>()
  for (const allowance of [...admissions].sort(compareBlocks)) {
    const group = groupOf(allowance)
    if (allowance.block === undefined || group === undefined) continue
    blocks.set(allowance.block.cidr, allowance.block)
    const list = groups.get(group)
    if (list === undefined) groups.set(group, [allowance])
    else list.push(allowance)
  }
  // For the kernel an IPv4 address is one of IPv6. No block of those includes it.
  if ([...blocks.values()].some(surroundsIpv4)) blocks.set(everyIpv4.cidr, everyIpv4)
  const sorted = [...blocks.values()].sort((a, b) => (a.cidr < b.cidr ? -1 : 1))
  const prefixes = sorted.map(({ cidr }, i) => ({ cidr, number: i + 1 }))
  const rules: KernelRule[] = []
  for (const [i, block] of sorted.entries()) {
    for (const list of groups.values()) {
      const around = list.filter((other) => other.block !== undefined && within(block, other.block))
      for (const origin of origins) rules.push(...ruleOf(around, origin, i + 1, now))
    }
  }
  return { prefixes, rules }
}

/** The smallest block that decides. */
function ruleOf(
  around: readonly Allowance[],
  origin: Origin,
  prefix: number,
  now: Micros,
): readonly KernelRule[] {
  const reports = around.find((one) => one.rejected || one.grantsAt(now).includes(origin))
  if (reports === undefined || reports.object.kind !== 'connect') return []
  const { actor, uid, id, rejected } = reports
  const { protocol, port } = reports.object
  const object = { kind: 'connect-prefix', protocol, port, prefix } as const
  const rule = { tag: tagOf(id), actor, uid, origin, object }
  return [rejected ? { ...rule, deny: true } : rule]
}
