import { expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { isOpenAct, withoutImage } from '../../../src/core/match/open-class.ts'
import { act, guardrails, shaper } from '../../fixtures/event-fixture.ts'

const isOpen = (event: ActEvent): boolean =>
  isOpenAct(event, behavioursOf(event, shaper), guardrails)

it.each([
  ['runs any program', act.exec('/builds/shop/node_modules/.bin/tool')],
  ['reads any file', act.file('/builds/shop/server.key')],
  ['writes any file', act.file('/builds/shop/dist/a.js', ['write', 'create'])],
  ['listens', act.listen('0.0.0.0', 8080)],
  ['connects on its host', act.connect('127.0.0.1', 8080)],
  ['gives up root', act.identity(0, 1000)],
  ['uses rights to files of others', act.capability('CAP_DAC_READ_SEARCH')],
  ['sets the times of a file', act.syscall('utimensat', {}, '/builds/shop/a')],
])('a job that %s is no finding', (_, event) => {
  expect(isOpen(event)).toBe(true)
})

it.each([
  ['connects elsewhere', act.connect('198.51.100.7', 443)],
  ['reads a private key', act.file('/home/jo/.ssh/id_ed25519')],
  ['reads the token of a registry', act.file('/home/jo/.npmrc')],
  ['reads the environment of a process', act.file('/proc/812/environ')],
  ['reads the memory of a process', act.file('/proc/812/mem')],
  ['writes what a shell runs at login', act.file('/root/.bashrc', ['write'])],
  ['opens the socket of the runtime', act.connect('/run/docker.sock', 0, {}, 'unix')],
  ['runs a package manager', act.exec('/usr/bin/pip')],
  ['becomes root', act.identity(1000, 0)],
  ['controls a process', act.syscall('ptrace')],
  ['sets the times of a private key', act.syscall('utimensat', {}, '/root/.ssh/id_rsa')],
  ['has a shell on a socket', act.exec('/bin/sh', { socketStdio: true })],
])('a job that %s is judged', (_, event) => {
  expect(isOpen(event)).toBe(false)
})

it('what a job built or fetched is no foreign code, and anonymous memory is', () => {
  const built = act.exec('/builds/shop/tool', {}, true)
  expect(isOpen(built)).toBe(false)
  expect(isOpen(withoutImage(built))).toBe(true)
  const library = act.file('/builds/shop/lib.so', ['exec'], {}, { layer: 'container' })
  expect(isOpen(library)).toBe(false)
  expect(isOpen(withoutImage(library))).toBe(true)
  const { exec, ...rest } = built as Extract<ActEvent, { kind: 'exec' }>
  const memory = {
    ...rest,
    exec: { ...exec, path: '/builds/shop/tool', driftKind: 'memfd' },
  } as const
  expect(isOpen(withoutImage(memory))).toBe(false)
})
