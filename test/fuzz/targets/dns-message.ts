import { readDnsAnswer } from '../../../src/agent/pipeline/sources/ebpf/dns-message.ts'

/** What a resolver, or somebody who plays one, sends to a container. */
export function fuzz(data: Buffer): void {
  const answer = readDnsAnswer(data)
  if (answer === undefined) return
  if (!/^[a-z0-9_\-\\.]+$/.test(answer.name)) throw new Error(`a name with other letters`)
  for (const { address } of answer.addresses) {
    if (!/^[0-9a-f.:]+$/.test(address)) throw new Error('an address with other letters')
  }
}
