import type { Allowed, Exportable, Exported } from './allowed.ts'
import { statementType } from '../attest/statement.ts'
import { compareText } from '../../core/compare-text.ts'
import { isAddress, unique } from './network.ts'
import { filePaths, globOf, isGlob, isPath } from './paths.ts'

const predicateType = 'https://in-toto.io/attestation/runtime-trace/v0.1'
const monitorType = 'urn:snug:monitor:v1'
const processType = 'urn:snug:container-image:v1'

/**
 * An in-toto statement of the behaviour observed in containers of the image: programs, peers and files, as a runtime
 * trace. The order is that of names, not of time. Not signed.
 */
export function inToto({ image, allowed, seen }: Exportable): Exported {
  const { repository, digest } = image
  const [algorithm = 'sha256', sum = ''] = digest.split(':')
  const statement = {
    _type: statementType,
    subject: [{ name: repository, digest: { [algorithm]: sum } }],
    predicateType,
    predicate: {
      monitor: {
        type: monitorType,
        tracePolicy: { kinds: seen.kinds, sources: seen.sources, containers: seen.containers },
      },
      monitoredProcess: {
        hostID: `urn:snug:nodes:${seen.nodes.map(encodeURIComponent).join(',')}`,
        type: processType,
        event: `${repository}@${digest}`,
      },
      monitorLog: {
        process: processes(allowed),
        network: network(allowed),
        fileAccess: files(allowed),
      },
      ...(seen.span === undefined
        ? {}
        : { metadata: { buildStartedOn: seen.span.first, buildFinishedOn: seen.span.last } }),
    },
  }
  const patterns = filePaths(allowed).filter(({ parts }) => isGlob(parts)).length
  return {
    text: `${JSON.stringify(statement, null, 2)}\n`,
    notes: [
      'the statement has no signature: sign it as you sign your attestations',
      'the statement names files by path: Snug does not record their content',
      'the statement has no users, arguments or counts',
      ...(patterns === 0 ? [] : [`${patterns} of its files are patterns: \`*\` is any name there`]),
    ],
  }
}

function processes(allowed: readonly Allowed[]): readonly object[] {
  return unique(
    allowed.flatMap(({ actor, object }) => {
      if (object.kind !== 'exec') return []
      const { path, script } = object
      return [
        {
          eventType: 'process',
          processBinary: path,
          ...(script === undefined ? {} : { script }),
          ...(actor.exe.startsWith('/') ? { parentBinary: actor.exe } : {}),
        },
      ]
    }),
  )
}

/** As version 0.2 of the predicate recommends it, which 0.1 leaves open; listening sockets are marked as such. */
function network(allowed: readonly Allowed[]): readonly object[] {
  return unique(
    allowed.flatMap(({ actor, object }) => {
      const invokingProcess = { processBinary: actor.exe }
      if (object.kind === 'listen') {
        const { protocol, port } = object
        return [{ direction: 'inbound', ...portOf(port), protocol, invokingProcess }]
      }
      if (object.kind !== 'connect') return []
      const { peer, protocol, port } = object
      const where = isAddress(peer) ? { ip: peer } : { hostname: peer }
      return [{ direction: 'outbound', ...where, ...portOf(port), protocol, invokingProcess }]
    }),
  )
}

function portOf(port: number): object {
  return port === 0 ? {} : { port }
}

/** Each a resource descriptor, which needs an address where it has no digest. */
function files(allowed: readonly Allowed[]): readonly object[] {
  return filePaths(allowed)
    .filter(isPath)
    .map(({ parts, access, actors }) => {
      const name = globOf(parts)
      const uri = `file://${name.split('/').map(encodeURIComponent).join('/')}`
      return { name, uri, annotations: { access: [...access].sort(compareText), actors } }
    })
}
