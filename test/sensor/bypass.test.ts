import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../fixtures/compiled-program.ts'
import { buildImage, Container, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'
import { type Lane, tryBypasses } from '../qemu/bypass-suite.ts'

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

tryBypasses('this kernel, by tracepoints and cgroup hooks', '6.18 tracepoints', onThisKernel)
