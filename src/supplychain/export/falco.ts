import { stringify } from 'yaml'
import { type Allowed, type Exportable, type Exported, nameOf } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { blockOf, egressOf, ingressOf, isAddress } from './network.ts'
import { filePaths, globOf, isGlob, isPath, programs, writes } from './paths.ts'

/** Rules for Falco, with lists and macros: programs, writes, peers and ports that are not in the profile. */
export function falco({ image, allowed }: Exportable): Exported {
  const name = nameOf(image).replaceAll('-', '_')
  const written = filePaths(allowed).filter((path) => isPath(path) && writes(path.access))
  const globs = written.filter(({ parts }) => isGlob(parts)).map(({ parts }) => globOf(parts))
  const egress = egressOf(allowed)
  const listens = ingressOf(allowed)
  const drawn = listens.flatMap(({ port, endPort }) =>
    endPort === undefined ? [] : [` and not (fd.sport >= ${port} and fd.sport <= ${endPort})`],
  )
  const named = [...new Set(egress.filter(({ peer }) => !isAddress(peer)).map(({ peer }) => peer))]
  const inContainer = `${name}_container`
  const output =
    '(user=%user.uid command=%proc.cmdline parent=%proc.pexepath container=%container.id'
  const rule = (title: string, condition: string, fields: string): object => ({
    rule: `${title} of ${nameOf(image)}`,
    desc: `${title}, which Snug did not learn of ${image.repository}@${image.digest}`,
    condition: `${inContainer} and ${condition}`,
    output: `${title} ${output} ${fields})`,
    priority: 'WARNING',
    tags: ['snug'],
  })
  const list = (what: string, items: readonly (string | number)[]): object => ({
    list: `${name}_${what}`,
    items: items.length === 0 ? ['none'] : items,
  })
  const rules = [
    {
      macro: inContainer,
      condition: `(container.image.repository = ${literal(image.repository)} and container.image.digest = ${literal(image.digest)})`,
    },
    list('programs', programPaths(allowed).map(literal)),
    list(
      'written',
      written.filter(({ parts }) => !isGlob(parts)).map(({ parts }) => literal(globOf(parts))),
    ),
    list('peers', [
      ...new Set(
        egress.filter(({ peer }) => isAddress(peer)).map(({ peer }) => literal(blockOf(peer))),
      ),
    ]),
    list(
      'ports',
      listens.flatMap(({ port, endPort }) => (endPort === undefined ? [String(port)] : [])),
    ),
    rule(
      'Unknown program',
      `evt.type in (execve, execveat) and not proc.exepath in (${name}_programs)`,
      'exe=%proc.exepath',
    ),
    rule(
      'Unknown write',
      `evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.typechar='f' and not fd.name in (${name}_written)${globs.map((glob) => ` and not fd.name glob ${literal(glob)}`).join('')}`,
      'file=%fd.name',
    ),
    ...(named.length > 0
      ? []
      : [
          rule(
            'Unknown peer',
            `evt.type=connect and fd.typechar in (4, 6) and not fd.snet in ("127.0.0.0/8", ${name}_peers)`,
            'peer=%fd.name',
          ),
        ]),
    rule(
      'Unknown port',
      `evt.type=listen and not fd.sport in (${name}_ports)${drawn.join('')}`,
      'port=%fd.sport',
    ),
  ]
  return {
    text: stringify(rules, { lineWidth: 0 }),
    notes: [
      'the rules cover no reads, users or acting programs: for these, let Snug judge the events of Falco (`--source falco:PATH`)',
      ...(named.length === 0
        ? []
        : [`the rules cover no connections, because ${named.join(', ')} is known by name only`]),
    ],
  }
}

function programPaths(allowed: readonly Allowed[]): readonly string[] {
  return programs(allowed)
    .map(({ path }) => path)
    .sort(compareText)
}

function literal(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`
}
