import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'

/**
 * Readers of the live stream, in a separate process: `live-crowd.ts URL TOKEN READERS SLOW`. Most read all messages and
 * ignore the content. Slow ones read nothing for a while, and then count the messages and the misses reported to them.
 * Prints `ready` once all are connected, and at the end of its standard input one line of JSON with the sums.
 */
const [url = '', token = '', readers = '0', slow = '0'] = process.argv.slice(2)
const { hostname, port } = new URL(url)
const authorization = `Bearer ${token}`

function plain(): Promise<void> {
  const socket = connect(Number(port), hostname)
  socket.write(
    [
      'GET /v1/live?topics=alerts HTTP/1.1',
      'Host: localhost',
      `Authorization: ${authorization}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      '\r\n',
    ].join('\r\n'),
  )
  return new Promise((resolve, reject) => {
    socket.once('data', (head) => {
      if (head.toString('latin1').startsWith('HTTP/1.1 101')) resolve()
      else reject(new Error(head.toString('latin1')))
      socket.on('data', (chunk) => (bytes += chunk.length))
    })
    socket.once('error', reject)
  })
}

let bytes = 0
const sums = { items: 0, missed: 0, unsaid: 0 }
const slowOnes: WebSocket[] = []

function slowOne(): Promise<void> {
  let last = 0
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`, {
    headers: { authorization },
    perMessageDeflate: false,
  })
  slowOnes.push(socket)
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      const {
        type,
        n,
        missed = 0,
      } = JSON.parse(data.toString('utf8')) as {
        readonly type: string
        readonly n: number
        readonly missed?: number
      }
      const got = type === 'item' ? 1 : missed
      if (type === 'ready') {
        socket.pause()
        resolve()
      } else sums.unsaid += Math.abs(n - last - got)
      last = n
      if (type === 'item') sums.items += 1
      sums.missed += missed
    })
    socket.once('error', reject)
  })
}

await Promise.all([
  ...Array.from({ length: Number(readers) - Number(slow) }, plain),
  ...Array.from({ length: Number(slow) }, slowOne),
])
console.log('ready')
for await (const line of process.stdin) {
  // The end of the burst: slow ones catch up, until nothing comes any more.
  void line
  for (const socket of slowOnes) socket.resume()
  let before = -1
  while (before !== sums.items + sums.missed) {
    before = sums.items + sums.missed
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  console.log(JSON.stringify({ ...sums, bytes }))
  break
}
process.exit(0)
