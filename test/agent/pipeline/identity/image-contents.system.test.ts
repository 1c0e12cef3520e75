import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { programFiles } from '../../../../src/core/learning/program-files.ts'
import { ImageContents } from '../../../../src/agent/pipeline/identity/image-contents.ts'

// strace is the second witness.

/** All files that a run of the program opens for reading, by their real paths. */
function opened(path: string, args: readonly string[]): readonly string[] {
  const out = join(mkdtempSync(join(tmpdir(), 'snug-opened-')), 'trace')
  execFileSync('strace', ['-f', '-e', 'trace=open,openat', '-o', out, path, ...args])
  const text = execFileSync('cat', [out], { encoding: 'utf8' })
  rmSync(dirname(out), { recursive: true })
  return [...text.matchAll(/open(?:at)?\([^"]*"(\/[^"]+)", O_RDONLY[^=]*= \d/g)].flatMap(
    ([, file = '']) => (existsSync(file) ? [realpathSync(file)] : []),
  )
}

it.each([['/bin/true'], ['/bin/ls', '--version'], ['/usr/bin/passwd', '--help']])(
  'files that come with a program are all that %s opens, which does nothing',
  (path, ...args) => {
    const machine = new ImageContents(['/proc/self/root'])
    const files = programFiles(machine, { exe: realpathSync(path) })
    expect(opened(path, args).filter((file) => !files.has(file))).toEqual([])
  },
)
