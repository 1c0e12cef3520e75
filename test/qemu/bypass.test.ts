import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../fixtures/compiled-program.ts'
import { buildImage, Container, removeTree } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'
import { type Lane, tryBypasses } from './bypass-suite.ts'
import { machineLane } from './machine-lane.ts'
import { withoutBpf } from './machine.ts'

async function onThisKernel(): Promise<Lane> {
  const image = buildImage()
  const inImage = (path: string): string => join(image, 'image', path)
  copyFileSync(compile('fixtures/bypass-acts.c'), inImage('bin/bypass'))
  copyFileSync(inImage('bin/bypass'), inImage('bin/forbidden'))
  writeFileSync(inImage('data/allowed'), 'allowed\n')
  execFileSync('sh', [
    '-ec',
    'mkdir -p "$0/lib"; cp -L /lib64/ld-*.so* "$0/lib/loader"',
    inImage('.'),
  ])
  const recorder = new Recorder()
  await recorder.running()
  const container = new Container(image, 'bypass')
  return {
    id: container.id,
    recorder,
    data: () =>
      Promise.resolve(execFileSync('ls', [join(container.root, 'data')], { encoding: 'utf8' })),
    run: (command) => container.run(command),
    stop: async () => {
      await container.stop()
      await recorder.stop()
      removeTree(image)
    },
  }
}

tryBypasses("Debian 13's kernel, by BPF LSM", '6.12 LSM', () => machineLane())
tryBypasses("Debian 13's kernel without BPF LSM, by fmod_ret", '6.12 `fmod_ret`', () =>
  machineLane({ append: withoutBpf }),
)
tryBypasses('this kernel, by tracepoints and cgroup hooks', '6.18 tracepoints', onThisKernel)
