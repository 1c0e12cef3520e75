import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditLine } from './cluster/cluster.ts'
import { admissionManifests, AdmissionWorld, layer, type Said } from './admission-world.ts'
import type { Decided } from './webhook-process.ts'

/**
 * A real API server asks the webhook about real pods, by the registration that ships. The webhook reads the profiles of
 * their images from a real registry. No pod runs: each names a scheduler that does not exist.
 */
let world: AdmissionWorld
beforeAll(async () => {
  world = await AdmissionWorld.start()
})
afterAll(async () => {
  await world?.stop()
})

const elsewhere = 'elsewhere.local/x:1'

/** Of pods after the one of that number; each is logged once its answer is on its way. */
function decidedSince(number: number, count: number): Promise<readonly Decided[]> {
  const since = async (): Promise<readonly Decided[]> =>
    world.webhook.decided().filter(({ pod }) => Number(pod.slice(1)) > number)
  return world.cluster.until('its log', since, ({ length }) => length === count)
}

/** Works on all of it, so many at once. */
async function each<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as Item)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

it('the API server accepts the manifests that ship', async () => {
  const { cluster } = world
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'snug' } })
  const text = await cluster.kubectl(['kustomize', admissionManifests])
  // Before 1.21 budgets were a beta.
  const isOld = (await world.minorVersion()) < 21
  const taken = isOld ? text.replace('policy/v1\n', 'policy/v1beta1\n') : text
  const output = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], taken)
  expect(output.match(/created \(server dry run\)/g)).toHaveLength(7)
  await cluster.kubectl(['delete', 'namespace', 'snug', '--wait=false'])
})

describe('by namespace', () => {
  let trusted = ''
  beforeAll(async () => {
    await world.register({ failurePolicy: 'Fail' })
    trusted = await world.pushed('trusted')
    // A registration takes the API server a moment.
    await world.untilPod(403, 'shop', elsewhere)
  })

  it('a pod of trusted images is made', async () => {
    expect(await world.pod('shop', trusted)).toMatchObject({ status: 201, warnings: [] })
  })

  it.each([
    ['without a profile', { key: 'none' }, 'no profile is attached (ATTESTATION_MISSING)'],
    ['signed by somebody else', { key: 'other' }, '(SIGNER_UNKNOWN)'],
    ['that no gate saw', { gate: 'none' }, 'no result of a gate is attached'],
    ['whose gate was shut', { gate: 'shut' }, 'its gate is shut: 2 findings need a decision'],
    ['on a forbidden base', { layers: [layer('f'), layer('1')] }, 'built on worn, which is'],
  ] as const)('one of an image %s is refused, warned about, or noted', async (what, how, words) => {
    const image = await world.pushed(what.replaceAll(' ', '-'), how)
    const before = world.pods
    const refused = await world.pod('shop', trusted, image)
    expect(refused).toMatchObject({ status: 403, message: expect.stringContaining(words) })
    expect(refused.message).toContain(image)
    const warned = await world.pod('dev-a', image)
    expect(warned).toMatchObject({ status: 201 })
    expect(warned.warnings.join()).toContain(words)
    expect(await world.pod('lab', image)).toMatchObject({ status: 201, warnings: [] })
    expect(await world.pod('free', image)).toMatchObject({ status: 201, warnings: [] })
    const verdicts = ['refused', 'warned', 'noted', 'ignored']
    expect((await decidedSince(before, 4)).map(({ verdict }) => verdict)).toEqual(verdicts)
  })

  it('each verdict is in the audit log of the API server, with its reasons', async ({ skip }) => {
    if (!world.cluster.own) skip('another cluster keeps its audit log to itself')
    const image = await world.pushed('on-record', { key: 'none' })
    for (const space of ['shop', 'dev-a', 'lab', 'free']) await world.pod(space, image)
    const found = (): Promise<readonly AuditLine[]> =>
      Promise.resolve(world.cluster.audit().slice(-4))
    const noted = (key: string, entries: readonly AuditLine[]): string =>
      entries.map(({ annotations }) => annotations?.[`pods.admission.snug.dev/${key}`]).join()
    const entries = await world.cluster.until(
      'its audit log',
      found,
      (last) => noted('verdict', last) === 'refused,warned,noted,ignored',
    )
    expect(noted('reasons', entries.slice(2, 3))).toContain('(ATTESTATION_MISSING)')
  })

  it('an image that is put into a pod later is held to it, and the pod may be changed otherwise', async () => {
    expect((await world.pod('shop', trusted)).status).toBe(201)
    const path = `/api/v1/namespaces/shop/pods/${world.lastPod}`
    const change = (of: object): Promise<Said> => world.send('PATCH', path, of)
    const changed = (image: string) => ({ spec: { containers: [{ name: 'c0', image }] } })
    expect((await change(changed(await world.pushed('later', { key: 'none' })))).status).toBe(403)
    expect((await change({ metadata: { labels: { a: 'b' } } })).status).toBe(200)
    expect((await change(changed(await world.pushed('later-trusted')))).status).toBe(200)
  })

  it('so is one of an ephemeral container', async () => {
    expect((await world.pod('shop', trusted)).status).toBe(201)
    const name = world.lastPod
    const path = `/api/v1/namespaces/shop/pods/${name}/ephemeralcontainers`
    // Before 1.22 the subresource had a separate kind.
    const isOld = (await world.minorVersion()) < 22
    const debug = (image: string): Promise<Said> => {
      const how = { imagePullPolicy: 'IfNotPresent', terminationMessagePolicy: 'File' }
      const ephemeralContainers = [{ name: 'debug', image, ...how }]
      const kind = { apiVersion: 'v1', kind: 'EphemeralContainers', metadata: { name } }
      return isOld
        ? world.send('PUT', path, { ...kind, ephemeralContainers })
        : world.send('PATCH', path, { spec: { ephemeralContainers } })
    }
    const { message } = await debug(elsewhere)
    expect(message).toContain('is not a trusted registry')
    expect((await debug(trusted)).status).toBe(200)
  })
})

it('decides on 1,000 pods of 30 images, each by the profile of its image, and prints how long it took', async () => {
  await world.webhook.stop()
  await world.webhook.start(world.config({ failClosed: true }))
  await world.register({ failurePolicy: 'Fail' })
  const numbers = Array.from({ length: 30 }, (_, index) => index)
  const images = await each(numbers, 4, async (index) => {
    const isTrusted = index % 2 === 0
    return { isTrusted, name: await world.pushed(`m${index}`, isTrusted ? {} : { key: 'none' }) }
  })
  const lookedAt = performance.now()
  for (const { name } of images) await world.pod('shop', name)
  const before = world.pods
  const looks = await world.webhook.looks()
  const wanted = Array.from({ length: 1_000 }, (_, index) => index % images.length)
  const begun = performance.now()
  const made = await each(wanted, 16, async (index) => {
    const { isTrusted, name } = images[index]!
    return { isTrusted, ...(await world.pod('shop', name)) }
  })
  const seconds = (performance.now() - begun) / 1_000
  const isAsItsProfile = ({ isTrusted, status, message }: (typeof made)[number]): boolean =>
    isTrusted ? status === 201 : status === 403 && message.includes('ATTESTATION_MISSING')
  expect(made.filter((each) => !isAsItsProfile(each))).toEqual([])
  expect(made.filter(({ isTrusted }) => isTrusted)).toHaveLength(500)
  const times = (await decidedSince(before, 1_000)).map(({ ms }) => ms).sort((a, b) => a - b)
  const [p50 = NaN, p99 = NaN, most = NaN] = [times[500], times[990], times[999]]
  const output = [p50, p99, most].map((ms) => ms.toFixed(2)).join(' / ')
  console.log(
    `1,000 pods in ${seconds.toFixed(1)} s; the webhook answered in ${output} ms (p50 / p99 / most)`,
  )
  console.log(await asTheServerSawIt())
  expect(looks).toBeGreaterThanOrEqual(images.length)
  // The result of an untrusted image is kept for 15 s, and looked up again from half of that on.
  const again = Math.floor((performance.now() - lookedAt) / 7_500)
  expect(await world.webhook.looks()).toBeLessThanOrEqual(looks + again * images.length)
})

/** The durations of all reviews, and of those that asked the registry, including the network. */
async function asTheServerSawIt(): Promise<string> {
  const text = await world.cluster.kubectl(['get', '--raw', '/metrics'])
  const metric = 'apiserver_admission_webhook_admission_duration_seconds'
  const [sum, count] = ['sum', 'count'].map((what) =>
    [...text.matchAll(new RegExp(`^${metric}_${what}{.*name="pods.admission.*} (\\S+)$`, 'gm'))]
      .map(([, value]) => Number(value))
      .reduce((total, value) => total + value, 0),
  ) as [number, number]
  return `as the API server saw it: ${((1_000 * sum) / count).toFixed(2)} ms in the mean of ${count}`
}

describe('where something does not answer', () => {
  let trusted = ''
  beforeAll(async () => {
    trusted = await world.pushed('still-trusted')
  })

  it.each(['down', 'slow'] as const)('a webhook that is %s: by `failurePolicy`', async (how) => {
    const { webhook } = world
    await world.register({ failurePolicy: 'Fail', timeoutSeconds: 1 })
    if (how === 'slow') webhook.signal('SIGSTOP')
    else expect(await webhook.stop()).toBe(0)
    try {
      const { message } = await world.untilPod(500, 'shop', trusted)
      expect(message).toContain('failed calling webhook "pods.admission.snug.dev"')
      await world.register({ failurePolicy: 'Ignore', timeoutSeconds: 1 })
      await world.untilPod(201, 'shop', elsewhere)
    } finally {
      if (how === 'slow') webhook.signal('SIGCONT')
      else await webhook.start(world.config())
    }
    await world.untilPod(403, 'shop', elsewhere)
  })

  it('a registry that is down: by `failClosed`', async () => {
    const { webhook } = world
    await world.register({ failurePolicy: 'Fail' })
    await world.untilPod(201, 'shop', trusted)
    const gone = '127.0.0.1:1'
    for (const failClosed of [false, true]) {
      await webhook.stop()
      await webhook.start(world.config({ failClosed }, [gone]))
      const { status, message, warnings } = await world.pod('shop', `${gone}/web:1`)
      expect(status).toBe(failClosed ? 403 : 201)
      expect(`${message}${warnings.join()}`).toContain('cannot verify it')
      expect((await world.pod('shop', trusted)).status).toBe(201)
    }
    await webhook.stop()
    await webhook.start(world.config())
  })
})

it('its certificate is replaced five times under load, in the end by another authority’s, and no pod is lost', async () => {
  const { cluster, old, young } = world
  const trusted = await world.pushed('rotated')
  await world.register({ failurePolicy: 'Fail' }, old.ca + young.ca)
  await world.untilPod(201, 'shop', trusted)
  const failed: string[] = []
  let made = 0
  let isOver = false
  const load = async (): Promise<void> => {
    while (!isOver) {
      const { status, message } = await world.pod('shop', trusted)
      if (status === 201) made += 1
      else failed.push(message)
    }
  }
  // More at once than connections that the API server keeps, so that new ones are made all the time.
  const loads = Array.from({ length: 40 }, load)
  try {
    for (let turn = 1; turn <= 5; turn++) {
      world.install(world.issue(turn === 5 ? young : old, `turn-${turn}`))
      await cluster.until('it is taken', shownName, (name) => name === `turn-${turn}`)
    }
    // Nothing but the new authority counts from here on.
    await world.register({ failurePolicy: 'Fail' }, young.ca)
    const before = made
    await cluster.until(
      'pods go on',
      async () => made,
      (count) => count > before + 200,
    )
  } finally {
    isOver = true
    await Promise.all(loads)
  }
  console.log(`${made} pods were made meanwhile, ${failed.length} were not`)
  expect(failed).toEqual([])
})

/** Of the certificate that a new connection is shown. */
function shownName(): Promise<string> {
  const { old, young, webhook } = world
  return new Promise((resolve, reject) => {
    const how = { port: webhook.port, host: '127.0.0.1', ca: [old.ca, young.ca] }
    const socket = connect(how, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
