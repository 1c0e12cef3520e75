import type { PictureView } from '../../api/page-views.ts'
import { escaped, plural } from '../base/text.ts'
import { layoutOf, nameOf } from './peer-layout.ts'

const width = 760
const left = 300
const right = 440
const longest = 40

/** Who talks to whom: connections go out to the right, listeners are marked on it. */
export function PeerGraph({ picture }: { readonly picture: PictureView }) {
  const { programs, peers, edges, height } = layoutOf(picture)
  const words = peers
    .slice(0, 20)
    .map(({ peer, text }) => `${peer.direction === 'out' ? 'connects to' : 'listens on'} ${text}`)
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="network peers">
      <svg
        class="peers"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={escaped(words.join(', '))}
      >
        <text class="axis" x={left - 10} y={12} text-anchor="end">
          program
        </text>
        <text class="axis" x={right + 10} y={12}>
          peer
        </text>
        {edges.map(({ key, from, to, peer }) => {
          const middle = (left + right) / 2
          return (
            <path
              key={key}
              class={`edge ${peer.direction} ${peer.state}`}
              d={`M${left} ${from}C${middle} ${from} ${middle} ${to} ${right} ${to}`}
            />
          )
        })}
        {programs.map(({ key, text, y }) => (
          <g key={key}>
            <circle class="node" cx={left} cy={y} r={4} />
            <text class="node-name" x={left - 10} y={y + 4} text-anchor="end">
              {short(text)}
              <title>{escaped(text)}</title>
            </text>
          </g>
        ))}
        {peers.map(({ key, text, y, peer }) => (
          <g key={key} class={peer.state}>
            {peer.direction === 'out' ? (
              <circle class="node peer" cx={right} cy={y} r={4} />
            ) : (
              <rect class="node peer" x={right - 4} y={y - 4} width={8} height={8} />
            )}
            <text class="node-name" x={right + 10} y={y + 4}>
              {peer.direction === 'in' ? 'listens on ' : ''}
              {short(text)}
              <title>{`${escaped(nameOf(peer))}\n${plural(peer.count, 'time')}`}</title>
            </text>
          </g>
        ))}
      </svg>
    </div>
  )
}

function short(text: string): string {
  const shown = escaped(text)
  return shown.length <= longest ? shown : `…${shown.slice(1 - longest)}`
}
