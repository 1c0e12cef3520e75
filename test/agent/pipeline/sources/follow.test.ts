import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sensorSource } from '../../../../src/agent/pipeline/sources/line-formats.ts'
import { FollowedFile, placeBeforeEnd } from '../../../../src/agent/pipeline/sources/follow-file.ts'
import { PlaceFile } from '../../../../src/agent/pipeline/sources/place-file.ts'
import { tetragonRead } from '../../../fixtures/sensors/sensor-lines.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-follow-')
  path = join(folder, 'tetragon.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const text = (...names: readonly string[]): string =>
  names.map((name) => `${tetragonRead(name)}\n`).join('')

/** Reads as a daemon does until `stop`: the name of each event, `loss REASON COUNT` for each loss. */
class Reader {
  readonly reported: string[] = []
  /** For each start of the source: whether it kept the events written while nobody read. */
  readonly began: boolean[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  readonly #waiting = new Map<string, () => void>()

  constructor() {
    const place = new PlaceFile(join(folder, 'state', 'place.json'))
    const source = sensorSource(`tetragon:${path}`, { node: 'n1', place, keeps: true })
    if (source === undefined) throw new Error('no such source')
    this.#done = (async () => {
      for await (const batch of source.messages(this.#stop.signal)) {
        for (const message of batch) {
          if (message.type === 'began') this.began.push(message.kept)
          if (message.type !== 'event') continue
          const { event } = message
          if (event.kind === 'file') this.#report(event.file.path)
          if (event.kind === 'loss') this.#report(`loss ${event.loss.reason} ${event.loss.count}`)
        }
      }
    })()
  }

  #report(name: string): void {
    this.reported.push(name)
    this.#waiting.get(name)?.()
  }

  /** Resolves once `name` was reported; otherwise the test runs into its time limit. */
  until(name: string): Promise<void> {
    if (this.reported.includes(name)) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.set(name, resolve))
  }

  async stop(): Promise<readonly string[]> {
    this.#stop.abort()
    await this.#done
    return this.reported
  }
}

describe('a log that is followed', () => {
  it('is read on as it grows, also where a line comes in two parts', async () => {
    writeFileSync(path, text('/a'))
    const reader = new Reader()
    await reader.until('/a')
    const line = text('/b')
    appendFileSync(path, line.slice(0, 100))
    appendFileSync(path, line.slice(100) + text('/c'))
    await reader.until('/c')
    expect(await reader.stop()).toEqual(['/a', '/b', '/c'])
  })

  it('is read to its end, and then the one that has taken its name', async () => {
    writeFileSync(path, text('/a'))
    const reader = new Reader()
    await reader.until('/a')
    renameSync(path, `${path}.1`)
    // Writers continue with the old file until they are signalled.
    appendFileSync(`${path}.1`, text('/late'))
    writeFileSync(path, text('/b'))
    await reader.until('/b')
    expect(await reader.stop()).toEqual(['/a', '/late', '/b'])
  })

  it('is read again where it was truncated, with a loss for events that may be missing', async () => {
    writeFileSync(path, text('/a', '/b'))
    const reader = new Reader()
    await reader.until('/b')
    truncateSync(path)
    appendFileSync(path, text('/c'))
    await reader.until('/c')
    expect(await reader.stop()).toEqual(['/a', '/b', 'loss truncated 0', '/c'])
  })

  it('is read again where other content has grown beyond the position that was reached', async () => {
    writeFileSync(path, text('/a'))
    const reader = new Reader()
    await reader.until('/a')
    writeFileSync(path, text('/x', '/y', '/z'))
    await reader.until('/z')
    expect(await reader.stop()).toEqual(['/a', 'loss truncated 0', '/x', '/y', '/z'])
  })

  it('is gone on with after a restart at the very byte', async () => {
    writeFileSync(path, text('/a', '/b') + tetragonRead('/half').slice(0, 50))
    const before = new Reader()
    await before.until('/b')
    expect(await before.stop()).toEqual(['/a', '/b'])
    appendFileSync(path, tetragonRead('/half').slice(50) + '\n' + text('/c'))
    const after = new Reader()
    await after.until('/c')
    expect(await after.stop()).toEqual(['/half', '/c'])
    expect([before.began, after.began]).toEqual([[false], [true]])
  })

  it('is gone on with after a restart though it was renamed meanwhile', async () => {
    writeFileSync(path, text('/a'))
    const before = new Reader()
    await before.until('/a')
    await before.stop()
    appendFileSync(path, text('/b'))
    renameSync(path, `${path}.1`)
    writeFileSync(path, text('/c'))
    const after = new Reader()
    await after.until('/c')
    expect(await after.stop()).toEqual(['/b', '/c'])
  })

  it('is read from its beginning, with a loss, where the stored position no longer exists', async () => {
    writeFileSync(path, text('/a'))
    const before = new Reader()
    await before.until('/a')
    await before.stop()
    rmSync(path)
    writeFileSync(path, text('/other', '/c'))
    const after = new Reader()
    await after.until('/c')
    expect(await after.stop()).toEqual(['loss lost-place 0', '/other', '/c'])
    expect(after.began).toEqual([false])
  })
})

describe('the end of a file', () => {
  async function readFrom(bytes: number): Promise<string> {
    const file = new FollowedFile(path)
    const stop = new AbortController()
    let found = ''
    try {
      for await (const part of file.parts(stop.signal, await placeBeforeEnd(path, bytes))) {
        if (part.kind === 'bytes') found += Buffer.from(part.bytes).toString()
        else if (part.kind === 'waiting') stop.abort()
        else found += part.kind
      }
    } finally {
      await file.close()
    }
    return found
  }

  it('begins with a whole line, however long the one before it is', async () => {
    const long = 'x'.repeat(1 << 20)
    writeFileSync(path, `first\n${long}\nsecond\nthird\n`)
    expect(await readFrom(1_000)).toBe('second\nthird\n')
    expect(await readFrom(8)).toBe('third\n')
    expect(await readFrom(600_000)).toBe('second\nthird\n')
  })

  it('is all of a short one, and nothing of one without a whole line', async () => {
    writeFileSync(path, 'first\nsecond\n')
    expect(await readFrom(1_000)).toBe('first\nsecond\n')
    writeFileSync(path, 'x'.repeat(1_000_000))
    expect(await readFrom(10)).toBe('')
  })
})
