/**
 * The program of the thread that samples stacks. A text, because it is no module of the daemon: a thread with one
 * needs more memory, and would load all that the daemon has.
 *
 * It looks whether the main thread's count of looks rises. Where it does not, and the main thread uses its processor,
 * it pauses that thread, reads the stack, and lets it go on. A thread that ends lets it go on as well.
 */
export const stackSampler = `
'use strict'
const { openSync, readSync } = require('node:fs')
const { Session } = require('node:inspector')
const { parentPort, workerData } = require('node:worker_threads')

const { looks, heldMs, framesMost } = workerData
const schedule = openSync('/proc/self/task/' + process.pid + '/schedstat', 'r')
const buffer = Buffer.alloc(64)

function cpuMs() {
  const length = readSync(schedule, buffer, 0, 64, 0)
  return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6
}

let last = -1
let [sinceMs, sinceCpuMs, isSampled] = [0, 0, false]

setInterval(() => {
  const now = Atomics.load(looks, 0)
  if (now !== last) {
    last = now
    sinceMs = performance.now()
    sinceCpuMs = cpuMs()
    isSampled = false
    return
  }
  if (isSampled || performance.now() - sinceMs < heldMs || cpuMs() - sinceCpuMs < heldMs / 2) return
  isSampled = true
  sample()
}, heldMs / 4)

function sample() {
  const session = new Session()
  session.connectToMainThread()
  const urls = new Map()
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
  session.on('Debugger.paused', ({ params }) => {
    session.post('Debugger.resume')
    session.post('Debugger.disable', () => session.disconnect())
    if (Atomics.load(looks, 0) !== last) return
    const stack = params.callFrames.slice(0, framesMost).map(({ functionName, location }) => {
      const name = functionName === '' ? 'a function' : functionName
      const url = urls.get(location.scriptId) ?? ''
      return name + ' ' + url.slice(url.lastIndexOf('/') + 1) + ':' + (location.lineNumber + 1)
    })
    parentPort.postMessage({ stack, milliseconds: Math.round(performance.now() - sinceMs) })
  })
  session.post('Debugger.enable')
  session.post('Debugger.pause')
}
`
