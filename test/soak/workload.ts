import type { ActEvent, ImageRef, SnugEvent } from '../../src/core/event/event.ts'
import type { Access, EventKind } from '../../src/core/event/event-words.ts'
import { isoOf } from '../../src/core/event/time.ts'
import { wholeText } from '../../src/core/behaviour/whole-text.ts'
import type { ContainerIdentity } from '../../src/agent/pipeline/identity/identity.ts'

/** Size of a simulated life of a node. */
export interface SoakScale {
  readonly containers: number
  readonly images: number
  readonly days: number
  readonly alertsPerDay: number
}

export const fullScale: SoakScale = {
  containers: 100_000,
  images: 200,
  days: 90,
  alertsPerDay: 1_000,
}

/** A day and a half of it with a tenth of the images: what `make test` has time for. */
export const shortScale: SoakScale = {
  containers: 1_500,
  images: 20,
  days: 1.5,
  alertsPerDay: 1_000,
}

/** A tenth of it, with as many containers of an image and as many a day. */
export const tenthScale: SoakScale = {
  containers: 10_000,
  images: 20,
  days: 9,
  alertsPerDay: 1_000,
}

/** One container that runs from its start to its end. */
export interface SoakRun {
  readonly atMs: number
  readonly lastsMs: number
  readonly identity: ContainerIdentity
  readonly image: SoakImage
  readonly deviates: boolean
}

type Act = Pick<ActEvent, EventKind & 'kind'> & Record<string, unknown>

/** A version of an image: what its containers do. Its texts are each in one piece, as those of a sensor are. */
export interface SoakImage {
  readonly ref: ImageRef
  readonly service: string
  readonly exe: string
  /** Made anew each time, as a sensor does: they are no memory of the daemon. */
  readonly acts: () => readonly Act[]
  /** Names that every container makes up, in a folder of its own. */
  readonly made: number
}

const dayMs = 86_400_000
/** Share of the containers that one CronJob starts, one a minute until it has started them. */
const ofTheCronJob = 0.4

/** The same numbers in every run: a linear congruential generator. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 ≤ n < below */
  next(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 0x1_0000_0000) * below)
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.next(0x1_0000).toString(16).padStart(4, '0')
    return wholeText(text.slice(0, digits))
  }
}

/** The containers of the node, in order of their start. */
export function* runsOf(scale: SoakScale, startMs: number): Iterable<SoakRun> {
  const dice = new Dice(7)
  const images = Array.from({ length: scale.images }, (_, i) => imageOf(i, 0))
  const spanMs = scale.days * dayMs
  const jobs = Math.min(Math.floor(scale.containers * ofTheCronJob), Math.floor(spanMs / 60_000))
  const others = scale.containers - jobs
  const everyMs = spanMs / others
  const deviants = (scale.alertsPerDay * scale.days) / scale.containers
  let minute = 0
  let other = 0
  let day = 0
  for (let n = 0; n < scale.containers; n++) {
    const jobMs = minute < jobs ? startMs + minute * 60_000 : Infinity
    const otherMs = other < others ? startMs + other * everyMs : Infinity
    const atMs = Math.floor(Math.min(jobMs, otherMs))
    const today = Math.floor((atMs - startMs) / dayMs)
    // Each day one of the images is released again.
    for (; day < today; day++) {
      const at = 1 + ((day * 37) % (scale.images - 1))
      images[at] = imageOf(at, day + 1)
    }
    const isJob = jobMs <= otherMs
    if (isJob) minute += 1
    else other += 1
    const image = isJob ? images[0] : images[1 + (other % (scale.images - 1))]
    if (image === undefined) continue
    const id = dice.hex(64)
    yield {
      atMs,
      lastsMs: isJob ? 20_000 : 600_000 + dice.next(3_600_000),
      identity: identityOf(id, image, n),
      image,
      deviates: dice.next(1_000_000) / 1_000_000 < deviants,
    }
  }
}

function identityOf(id: string, { ref, service, exe }: SoakImage, n: number): ContainerIdentity {
  const name = wholeText(`${service}-${n}`)
  return {
    id,
    name,
    image: ref,
    imageId: ref.digest,
    labels: { app: service },
    workload: { namespace: 'prod', kind: 'Deployment', name: service, pod: name },
    entrypoint: [exe],
    declaredUser: '',
    initInjected: false,
    addresses: [],
    mounts: [],
  }
}

function imageOf(index: number, release: number): SoakImage {
  const service = wholeText(`service${index}`)
  const digest = `sha256:${new Dice(index * 1_000 + release + 1).hex(64)}`
  return {
    ref: { repository: `registry.local/shop/${service}`, tag: `1.${release}`, digest },
    service,
    exe: wholeText(`/usr/bin/${service}`),
    acts: () => actsOfImage(index, release, service),
    made: 3,
  }
}

function actsOfImage(index: number, release: number, service: string): readonly Act[] {
  const dice = new Dice(index + 1)
  const file = (path: string, access: Access): Act =>
    ({ kind: 'file', file: { path: wholeText(path), access: [access] } }) as unknown as Act
  const acts: Act[] = [
    {
      kind: 'exec',
      exec: { path: wholeText(`/usr/bin/${service}`), drift: false },
    } as unknown as Act,
    { kind: 'exec', exec: { path: '/bin/sh', drift: false } } as unknown as Act,
    {
      kind: 'listen',
      listen: { protocol: 'tcp', address: '0.0.0.0', port: 8000 + index },
    } as unknown as Act,
    {
      kind: 'connect',
      connect: { protocol: 'tcp', address: `10.0.${index}.7`, port: 5432 },
    } as unknown as Act,
    file(`/var/log/${service}/main.log`, 'write'),
  ]
  const reads = 60 + dice.next(120)
  const shipped = (path: string): Act =>
    ({
      kind: 'file',
      file: { path: wholeText(path), access: ['read'], shipped: true, layer: 'image' },
    }) as unknown as Act
  for (let n = 0; n < reads; n++)
    acts.push(shipped(`/usr/share/${service}/part${n % 9}/${dice.hex(8)}.dat`))
  if (release > 0) acts.push(shipped(`/usr/share/${service}/release/${release}.dat`))
  return acts
}

/** An act of a container. */
export interface SoakAct {
  /** The same in every container of its image; -1: it is new by nature. */
  readonly index: number
  /** A name that only this container has. */
  readonly isMade: boolean
  readonly event: SnugEvent
}

/** What a container does. */
export function* actsOf(run: SoakRun, dice: Dice): Iterable<SoakAct> {
  const { image, identity, atMs } = run
  let n = 0
  const event = (act: Act, moreMs: number): SnugEvent => {
    const time = isoOf((atMs + moreMs) * 1_000 + n++)
    return eventOf(image, act, { time, id: identity.id, name: identity.name })
  }
  for (const [index, act] of image.acts().entries()) {
    yield { index, isMade: false, event: event(act, index) }
  }
  for (let made = 0; made < image.made; made++) {
    yield { index: -1, isMade: true, event: event(madeName(image, dice), 1_000) }
  }
  if (run.deviates) {
    // Most deviations are seen in many containers: a profile is wrong, or an attack is repeated.
    const isUnique = dice.next(20) === 0
    const path = wholeText(`/srv/${isUnique ? dice.hex(12) : dice.next(50)}/deviation`)
    const act = { kind: 'file', file: { path, access: ['write'] } } as unknown as Act
    yield { index: -1, isMade: false, event: event(act, 2_000) }
  }
}

const noContainer = { time: '2026-08-01T00:00:00Z', id: 'none', name: 'none' }

/** The acts of an image as events, by their index, whatever container they are of. */
export function eventsOf(image: SoakImage): readonly SnugEvent[] {
  return image.acts().map((act) => eventOf(image, act, noContainer))
}

/** Some of the names that containers of the image make up. */
export function madeNamesOf(image: SoakImage): readonly SnugEvent[] {
  const dice = new Dice(1)
  return [1, 2, 3].map(() => eventOf(image, madeName(image, dice), noContainer))
}

function madeName({ service }: SoakImage, dice: Dice): Act {
  const path = wholeText(`/var/lib/${service}/spool/${dice.hex(10)}.tmp`)
  return { kind: 'file', file: { path, access: ['create'] } } as unknown as Act
}

function eventOf(
  { exe }: SoakImage,
  act: Act,
  { time, id, name }: { readonly time: string; readonly id: string; readonly name?: string },
): SnugEvent {
  return {
    v: 1,
    time,
    node: 'n1',
    source: 'ebpf',
    container: { id, ...(name === undefined ? {} : { name }) },
    process: {
      pid: 100,
      exe,
      uid: 1_000,
      gid: 1_000,
      origin: 'entrypoint',
    },
    ...act,
  } as unknown as SnugEvent
}
