import type Docker from 'dockerode'
import { bypassActs, ordinaryActs } from '../../fixtures/bypass-acts.ts'
import { importFiles } from './images.ts'
import { Service } from './service.ts'
import { changesOf, type Setting, type Tried, tryContainer } from './setting.ts'

export const bypassImage = 'service:1'

export interface BypassStory {
  /** How each ordinary act ended while it was learned, and later in block mode. By the act's line. */
  readonly learned: Readonly<Record<string, string>>
  readonly again: Readonly<Record<string, string>>
  /** How each attack ended: `0` where it had its effect. By the name of the act. */
  readonly attacks: Readonly<Record<string, string>>
  /** Docker's own account of the container's files, before and after the attacks. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** New containers in block mode, whose first program the profile does not have. It would end with 42. */
  readonly newcomers: readonly Tried[]
}

/** Without the memory file: so an attack by one is stopped earlier, at its system call. */
const ordinary = ordinaryActs.filter((line) => line !== 'memfd')

/** Those that are to be stopped. Left out: an attack that needs a descriptor from before learning. */
const attacks = bypassActs.filter(
  ({ lsm, line, on = process.arch }) => lsm !== '0' && line !== 'taken-read' && on === process.arch,
)

/** `program`: `bypass-acts.c`, compiled. The same files as in the machines without Docker. */
export async function makeBypassImage(docker: Docker, program: string): Promise<void> {
  await importFiles(docker, bypassImage, {
    folders: ['mnt', 'proc', 'dev', 'tmp'],
    programs: {
      'bin/busybox': '/bin/busybox',
      'bin/bypass': program,
      'bin/forbidden': program,
      'lib/loader': '/lib64/ld-linux-x86-64.so.2',
    },
    texts: {
      'data/allowed': 'allowed\n',
      'data/compat': 'x',
      'etc/secret': 'secret\n',
      'etc/private': 'private\n',
      'etc/script.sh': '#!/bin/busybox sh\n:\n',
    },
  })
}

/** Starts a container of `bypass-acts.c` for {@link bypassPart}, whose ordinary acts are learned now. */
export async function learnBypass(
  docker: Docker,
): Promise<{ readonly service: Service; readonly learned: BypassStory['learned'] }> {
  const service = await Service.start(docker, bypassImage)
  return { service, learned: await service.do(ordinary) }
}

/** The image blocks. */
export async function bypassPart(
  { docker }: Setting,
  { service, learned }: Awaited<ReturnType<typeof learnBypass>>,
): Promise<BypassStory> {
  const again = await service.do(ordinary)
  const before = await changesOf(service.container)
  const ended = await service.do(attacks.map(({ line }) => line))
  const after = await changesOf(service.container)
  const newcomers: Tried[] = []
  for (let count = 0; count < 3; count++)
    newcomers.push(await tryContainer(docker, bypassImage, ['/bin/forbidden', 'ran']))
  await service.stop()
  return {
    learned,
    again,
    attacks: Object.fromEntries(attacks.map(({ name, line }) => [name, ended[line] ?? ''])),
    before,
    after,
    newcomers,
  }
}
