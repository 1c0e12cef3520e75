/**
 * @typedef {import('snug/source').LineFormat} LineFormat
 * @typedef {import('snug/source').MakeSource} MakeSource
 */

/**
 * Lines such as `2026-11-24T13:40:27Z 551e…bd16 812 101 /usr/sbin/nginx open /etc/nginx/nginx.conf`.
 *
 * @type {LineFormat}
 */
const format = {
  name: 'opens',
  kinds: ['file', 'loss'],
  follow: true,
  open: ({ node, ignore }) => ({
    take(line, into) {
      const [time, container, pid, uid, exe, what, path] = line.split(' ')
      if (path === undefined) throw new Error('not a line of ours')
      if (what !== 'open') return ignore(`event ${what}`)
      into.push({
        v: 1,
        kind: 'file',
        time,
        node,
        source: 'opens',
        container: { id: container },
        process: { pid: Number(pid), uid: Number(uid), exe, origin: 'entrypoint' },
        file: { path, access: ['read'] },
      })
    },
  }),
}

/** @type {MakeSource} */
const makeSource = ({ argument, lines }) => lines(format, argument)
export default makeSource
