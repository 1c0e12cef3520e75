import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import type { ActEvent, FileEvent } from '../../src/core/event/event.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { hex } from '../sensor/acts.ts'
import type { Recorder } from '../sensor/recorder.ts'
import type { Machine, VmContainer } from './machine.ts'
import type { SensorMachine } from './sensor-machine.ts'

const scope = 9
const EPERM = '1'
const file = '/data/place/file'
const moved = '/data/moving/file'
/** Of one account and of another, and of a script. */
const userFile = '/data/of-user'
const scriptFile = '/data/of-script'
const rounds = 100

/** What the container does while it is learned. Another process reads each of the last two. */
const learned = [
  `read ${hex(file)}`,
  `read ${hex(moved)}`,
  `+5 read ${hex(userFile)}`,
  `+ exec ${hex('/etc/reader.sh')}`,
] as const

function compiled(events: readonly ActEvent[]): KernelProfile {
  const profile = new Profile(shaper)
  for (const event of events)
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  return compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
}

const isFile = (event: ActEvent): event is FileEvent => event.kind === 'file'

/**
 * The sensor remembers where an opened file is. In block mode a container opens a file that it may open, until that is
 * remembered. Then something makes the same file another one to the profile, and the next open is refused. What the
 * container may not do itself is done from outside of it.
 */
export function testReopened(running: () => SensorMachine): void {
  describe('a file that was opened before', () => {
    let machine: Machine
    let recorder: Recorder
    let container: VmContainer
    let all: readonly ActEvent[]
    let undo: (() => Promise<unknown>) | undefined

    const outside = (line: string): Promise<string> => machine.run(`cd ${root()}; ${line}`)
    const root = (): string => `/run/${container.id}/root`
    const inside = (line: string): Promise<string> =>
      machine.run(
        `nsenter -m -t $(head -n 1 /sys/fs/cgroup/${container.id}/cgroup.procs) -- /bin/busybox ${line}`,
      )
    const act = async (line: string): Promise<string> =>
      (await container.run(`${line}\nend`)).trim()
    const use = async (profile: KernelProfile): Promise<void> => {
      recorder.source.control.profile?.(scope, profile)
      await recorder.source.obeyed()
    }
    /** Of a file that its actor may open. */
    const remembered = async (line: string): Promise<void> => {
      expect(await act(Array.from({ length: 5 }, () => line).join('\n'))).toBe('0\n0\n0\n0\n0')
      await recorder.source.obeyed()
      expect(recorder.acts(container.id)).toEqual([])
    }
    const expectRefused = async (line: string, path: string, result = EPERM): Promise<void> => {
      expect(await act(line)).toBe(result)
      await recorder.source.obeyed()
      const refused = recorder.acts(container.id).filter(({ enforced }) => enforced !== undefined)
      expect(refused.filter(isFile).map((event) => [event.file.path, event.enforced])).toEqual([
        [path, 'blocked'],
      ])
    }

    beforeAll(async () => {
      ;({ machine, recorder } = running())
      container = await machine.container(randomBytes(32).toString('hex'), '/bin/acts serve')
      // It runs.
      await container.run('end')
      await outside('mkdir -p data/place data/moving data/moved data/other; chmod 755 data')
      await inside('mount -t tmpfs none /data/moving')
      await inside(`sh -c 'echo x >${moved}'`)
      for (const path of [file, userFile, scriptFile])
        await outside(`echo x >.${path}; chmod 644 .${path}`)
      await outside(`ln -s ${scriptFile} data/pointer`)
      expect(await act(learned.join('\n'))).toBe(learned.map(() => '0').join('\n'))
      await recorder.source.obeyed()
      all = recorder.acts(container.id)
      recorder.source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
      await use(compiled(all))
      recorder.source.control.assign(container.id, scope, { enforce: true })
      await recorder.source.obeyed()
      recorder.messages.length = 0
    })
    afterAll(async () => {
      await container.stop()
    })

    afterEach(async () => {
      await undo?.()
      undo = undefined
      recorder.messages.length = 0
    })

    it('is one whose place the sensor can remember', () => {
      expect(recorder.source.stats.facts['reopened']).toBe('yes')
    })

    it('is counted each time', async () => {
      const counted = (): number =>
        recorder
          .countUpdates(container.id)
          .filter(({ expected }) => expected !== undefined)
          .reduce((sum, { count }) => sum + count, 0)
      for (let n = 0; n < 50; n++) expect(await act(`read ${hex(file)}`)).toBe('0')
      await recorder.source.obeyed()
      recorder.source.control.flush()
      await recorder.until(() => counted() >= 50, 'a count of each open')
      expect(counted()).toBe(50)
    })

    it('is refused under a new name', async () => {
      await remembered(`read ${hex(file)}`)
      await outside('mv data/place/file data/place/renamed')
      undo = () => outside('mv data/place/renamed data/place/file')
      await expectRefused(`read ${hex('/data/place/renamed')}`, '/data/place/renamed')
    })

    it('is refused after a folder above it was renamed', async () => {
      await remembered(`read ${hex(file)}`)
      await outside('mv data/place data/elsewhere')
      undo = () => outside('mv data/elsewhere data/place')
      await expectRefused(`read ${hex('/data/elsewhere/file')}`, '/data/elsewhere/file')
    })

    it('is refused by a hard link', async () => {
      await remembered(`read ${hex(file)}`)
      await outside('ln data/place/file data/linked')
      undo = () => outside('rm data/linked')
      await expectRefused(`read ${hex('/data/linked')}`, '/data/linked')
    })

    it('is refused by a mount of its folder elsewhere', async () => {
      await remembered(`read ${hex(file)}`)
      await inside('mount --bind /data/place /data/other')
      undo = () => inside('umount /data/other')
      await expectRefused(`read ${hex('/data/other/file')}`, '/data/other/file')
    })

    it('is refused after its mount was moved', async () => {
      await remembered(`read ${hex(moved)}`)
      await inside('mount --move /data/moving /data/moved')
      undo = () => inside('mount --move /data/moved /data/moving')
      await expectRefused(`read ${hex('/data/moved/file')}`, '/data/moved/file')
    })

    it('is refused for writing', async () => {
      await expectRefused(
        `read ${hex(file)}\nread ${hex(file)}\nboth ${hex(file)}`,
        file,
        '0\n0\n1',
      )
    })

    it('is refused to another account', async () => {
      const twice = `+5 read ${hex(userFile)}\n+5 read ${hex(userFile)}`
      await expectRefused(`${twice}\nread ${hex(userFile)}`, userFile, '0\n0\n1')
    })

    it('is refused to another program that the same process executes', async () => {
      await remembered(`+ exec ${hex('/etc/reader.sh')}`)
      await remembered(`read ${hex(file)}`)
      await outside(`rm data/pointer; ln -s ${file} data/pointer`)
      undo = () => outside(`rm data/pointer; ln -s ${scriptFile} data/pointer`)
      await expectRefused(`+ exec ${hex('/etc/reader.sh')}`, file, '7')
    })

    it('is refused once the profile does not allow it', async () => {
      await remembered(`read ${hex(file)}`)
      await use(compiled(all.filter((event) => !isFile(event) || event.file.path !== file)))
      undo = () => use(compiled(all))
      await expectRefused(`read ${hex(file)}`, file)
    })

    it('is not another one that has its memory', async () => {
      for (let n = 0; n < rounds; n++) {
        expect(await act(`read ${hex(file)}\nread ${hex(file)}`)).toBe('0\n0')
        // The kernel gives memory away after a grace period, which takes some milliseconds.
        await outside(
          `rm data/place/file; echo 2 >/proc/sys/vm/drop_caches; sleep 0.02; echo x >data/other/file`,
        )
        expect(await act(`read ${hex('/data/other/file')}`)).toBe(EPERM)
        await outside('rm data/other/file; echo x >data/place/file')
      }
    })
  })
}
