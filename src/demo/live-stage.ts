import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  exploit,
  type ShopVersion,
  shopCommand,
  shopVersions,
  visits,
  writeShopImage,
} from './shop-image.ts'
import type { AttackAct, Stage } from './stage.ts'
import {
  newContainerId,
  removeDemoCgroup,
  startTinyContainer,
  type TinyContainer,
} from './tiny-container.ts'

/** Runs the story in newly created containers, observed by the sensor. Needs root. */
export class LiveStage implements Stage {
  readonly words = 'in containers that this demonstration starts: no engine, no image download'
  readonly piped = false
  readonly config: Readonly<Record<string, unknown>>
  readonly #folder: string
  readonly #busybox: string
  readonly #ids: Readonly<Record<ShopVersion, string>>
  readonly #starting: Promise<unknown>[] = []
  readonly #running: TinyContainer[] = []
  readonly #visitors: Promise<void>[] = []
  readonly #closing = new AbortController()

  constructor(folder: string, busybox: string) {
    this.#folder = join(folder, 'stage')
    this.#busybox = busybox
    this.#ids = { '1.0': newContainerId(), '2.0': newContainerId() }
    mkdirSync(this.#folder, { recursive: true })
    // Memory: layers of their own on any host, and nothing to sweep up after a crash but one mount.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'snug-demo', this.#folder])
    for (const version of shopVersions) writeShopImage(this.#image(version), version, busybox)
    const manifest = join(folder, 'containers.json')
    writeFileSync(
      manifest,
      JSON.stringify({ containers: shopVersions.map((v) => this.#identity(v)) }),
    )
    this.config = {
      sources: ['ebpf'],
      engines: { docker: { socket: 'none' }, static: { manifest } },
    }
  }

  async begin(version: ShopVersion): Promise<void> {
    if (this.#closing.signal.aborted) return
    const start = startTinyContainer({
      id: this.#ids[version],
      folder: this.#folder,
      image: this.#image(version),
      command: shopCommand,
      busybox: this.#busybox,
    })
    this.#starting.push(start)
    const container = await start
    this.#running.push(container)
    this.#visitors.push(this.#visit(container, version))
  }

  async attack({ id, command }: AttackAct): Promise<number> {
    const target = this.#running.at(-1)
    if (target === undefined) return Date.now()
    // The other end of the reverse shell: it accepts the connection and closes it with a message.
    const home =
      id === 'reverse'
        ? target.request(
            [
              'sh',
              '-c',
              'echo exit | busybox nc -l -p 4444 -w 3'.replace('busybox', this.#busybox),
            ],
            4_000,
          )
        : undefined
    if (home !== undefined) await delay(150)
    const from = Date.now()
    await target.request(exploit(command))
    await home
    return from
  }

  async close(): Promise<void> {
    this.#closing.abort()
    // Interrupted while one starts: it must be there before it can be taken down.
    await Promise.allSettled(this.#starting)
    await Promise.all(this.#visitors)
    await Promise.all(this.#running.map((container) => container.stop()))
    removeDemoCgroup()
    execFileSync('umount', ['-l', this.#folder])
  }

  async #visit(container: TinyContainer, version: ShopVersion): Promise<void> {
    const { signal } = this.#closing
    for (let round = 1; !signal.aborted; round++) {
      for (const visit of visits(version, round)) await container.request(visit)
      await delay(200, undefined, { signal }).catch(() => undefined)
    }
  }

  #image(version: ShopVersion): string {
    return join(this.#folder, `image-${version}`)
  }

  #identity(version: ShopVersion): unknown {
    const id = this.#ids[version]
    const base = join(this.#folder, id.slice(0, 12))
    return {
      id,
      name: `shop-${version}`,
      image: {
        repository: 'demo/shop',
        tag: version,
        digest: `sha256:${createHash('sha256').update(`demo/shop:${version}`).digest('hex')}`,
      },
      entrypoint: shopCommand,
      rootfs: {
        upper: join(base, 'upper'),
        layers: [this.#image(version)],
      },
    }
  }
}
