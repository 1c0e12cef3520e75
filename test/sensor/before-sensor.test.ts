import { describe, expect, it } from 'vitest'
import { Acts, hex } from './acts.ts'
import { buildImage, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

describe('a container that ran before the sensor', () => {
  it('has the root of its first process, and drift of programs, also in a changed root', async () => {
    const image = buildImage()
    const acts = new Acts(image)
    const recorder = new Recorder()
    try {
      const loop = 'while :; do : < /x; /busybox sleep 0.2; done'
      const commands = [
        '/bin/busybox cp /bin/busybox /data/busybox',
        // The shell opens it for what runs in the background.
        'echo > /dev/null',
        'echo > /data/x',
        `/bin/busybox chroot /data /busybox sh -c '${loop}' <&- >&- 2>&- &`,
      ].join('\n')
      const shell = ['/bin/busybox', 'busybox', 'sh', '-c', commands]
      expect(await acts.did([`+ run ${shell.map(hex).join(' ')}`])).toEqual(['0'])
      await recorder.running()
      const events = () => recorder.acts(acts.id)
      await recorder.until(() => events().some(({ kind }) => kind === 'exec'), 'a run of the loop')
      await recorder.until(() => events().some(({ kind }) => kind === 'file'), 'a read of the loop')
      const [exec] = events().filter(({ kind }) => kind === 'exec')
      const [read] = events().filter(({ kind }) => kind === 'file')
      expect(exec).toMatchObject({
        exec: { path: '/data/busybox', drift: true, driftKind: 'upper' },
        process: { parent: '/data/busybox' },
      })
      expect(read).toMatchObject({
        file: { path: '/data/x' },
        process: { exe: '/data/busybox', drift: true },
      })
    } finally {
      await recorder.stop()
      await acts.stop()
      removeTree(image)
    }
  })
})
