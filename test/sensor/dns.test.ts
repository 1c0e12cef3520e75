import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Identifier } from '../../src/agent/pipeline/identity/identifier.ts'
import { ImageFiles } from '../../src/agent/pipeline/identity/image-files.ts'
import { containerResolvers } from '../../src/agent/pipeline/identity/resolver-file.ts'
import { identityOf, ScriptedEngine } from '../fixtures/identity-fixtures.ts'
import { Container, newId, unifiedHierarchy } from './container.ts'
import { dnsStory } from './dns-story.ts'
import { oneSensor } from './one-sensor.ts'

const sensor = oneSensor()
const running: Container[] = []

afterEach(async () => {
  for (const container of running.splice(0)) await container.stop()
})

/** `resolvers`: what its `/etc/resolv.conf` names. */
function contained(resolvers: readonly string[] = []): Container {
  const container = new Container(sensor.image, 'workload', newId(), 0, ['serve'], (root) => {
    mkdirSync(join(root, 'etc'), { recursive: true })
    const lines = resolvers.map((each) => `nameserver ${each}\n`)
    writeFileSync(join(root, 'etc/resolv.conf'), lines.join(''))
  })
  running.push(container)
  return container
}

/** The peers of its connections to port 443, as the daemon identifies them. */
function peersOf({ id }: Container): readonly string[] {
  const engine = new ScriptedEngine()
  engine.containers.set(id, identityOf(id))
  engine.atOnce.add(id)
  const identifier = new Identifier({
    engines: [engine],
    files: new ImageFiles(),
    node: 'n1',
    resolversOf: containerResolvers,
    release: () => undefined,
  })
  const peers = identifier.push(sensor.recorder.messages).flatMap((message) => {
    if (message.type !== 'event' || message.event.kind !== 'connect') return []
    const { connect, container } = message.event
    return container.id === id && connect.port === 443 ? [connect.name ?? connect.address] : []
  })
  identifier.close()
  return peers
}

const isAnswer = (line: string): boolean => line.includes(' is at ')

describe('the DNS answers that reach a container', () => {
  it('are reported over UDP, TCP and IPv6, each before the connection that follows from it', async () => {
    const container = contained()
    await container.run('dns 7')
    await sensor.recorder.source.obeyed()
    expect(sensor.recorder.named(container.id)).toEqual(dnsStory)
  })

  it('name its peers if they come from its resolvers, and not if a program sent them to itself', async () => {
    const [trusting, other] = [contained(['127.0.0.1', '::1']), contained(['10.0.0.53'])]
    for (const container of [trusting, other]) await container.run('dns 7')
    await sensor.recorder.source.obeyed()
    expect(peersOf(trusting)).toEqual(['datagram.test.', 'stream.test.', 'six.test.'])
    expect(peersOf(other)).toEqual(['10.0.0.7', '10.0.0.8', '10.0.0.9'])
  })

  it('are a loss of the container where it gets more than its share, and those of others are reported or on record', async () => {
    const [flooded, other] = [contained(), contained()]
    await Promise.all([flooded.run('dns 9 20000'), other.run('dns 7')])
    await sensor.recorder.source.obeyed()
    const lost = (id: string): number =>
      sensor.recorder
        .losses()
        .filter(({ container, loss }) => container?.id === id && loss.reason === 'answers-full')
        .reduce((sum, { loss }) => sum + loss.count, 0)
    // A loss comes with the next heartbeat.
    await sensor.recorder.until(() => lost(flooded.id) > 0, 'the loss of the flood')
    // On a busy machine nobody reads the ring in time for its last share.
    const answers = dnsStory.filter(isAnswer)
    const known = (): number => sensor.recorder.named(other.id).filter(isAnswer).length
    await sensor.recorder.until(
      () => known() + lost(other.id) >= answers.length,
      'the answers of the other container, or their loss',
    )
    expect(known() + lost(other.id)).toBe(answers.length)
    const named = sensor.recorder.named(other.id)
    expect(named).toEqual(dnsStory.filter((line) => !isAnswer(line) || named.includes(line)))
  })
})

it('the resolvers of a container are not the host’s, which the runtime still has as its root at first', async () => {
  const cgroup = `/snug-test-${newId().slice(0, 8)}`
  const folder = join(unifiedHierarchy(), cgroup)
  const child = spawn('unshare', ['--mount', 'sleep', '600'])
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, 'cgroup.procs'), `${child.pid}`)
    const space = (pid: string): string => readlinkSync(`/proc/${pid}/ns/mnt`)
    await expect.poll(() => space(`${child.pid}`)).not.toBe(space('self'))
    expect(containerResolvers(cgroup)).toBeUndefined()
  } finally {
    child.kill()
    await once(child, 'exit')
    rmdirSync(folder)
  }
})
