import type { BehaviourObject } from '../../core/behaviour/behaviour.ts'
import type { Steps } from '../../core/steps.ts'
import { objectText } from '../../core/behaviour/describe.ts'
import { userText } from '../../core/behaviour/user.ts'
import type {
  ActGroup,
  ActLine,
  PeerView,
  PictureView,
  ProgramView,
  RunView,
} from '../../api/page-views.ts'
import { type ActGroupName, actGroups, type ShownState } from '../../api/terms.ts'
import type { Outlined } from './behaviour-index.ts'

const programsShown = 120
const peersShown = 60
const linesShown = 8

interface Program {
  readonly exe: string
  readonly script: string | undefined
  readonly users: Set<string>
  readonly acts: Map<ActGroupName, { total: number; readonly shown: ActLine[] }>
  behaviours: number
  open: number
}

interface Peer {
  readonly view: Omit<PeerView, 'programs' | 'count' | 'state'>
  readonly programs: Set<Program>
  count: number
  state: ShownState
}

/**
 * What each program does, its peers, and which program starts which. Rejected behaviour, and behaviour of exec sessions
 * only, stays out, and without `withDeviations` also what waits for a decision.
 */
export function* pictureOf(rows: Iterable<Outlined>, withDeviations: boolean): Steps<PictureView> {
  const programs = new Map<string, Program>()
  const peers = new Map<string, Peer>()
  const runs: { readonly from: Program; readonly to: Program; readonly row: Outlined }[] = []
  let deviations = 0
  const program = (exe: string, script: string | undefined): Program => {
    const name = `${exe}\u0000${script ?? ''}`
    const known = programs.get(name)
    if (known !== undefined) return known
    const fresh = { exe, script, users: new Set<string>(), acts: new Map(), behaviours: 0, open: 0 }
    programs.set(name, fresh)
    return fresh
  }
  for (const row of rows) {
    yield
    const { object, actor, uid, state } = row.entry
    if (state === 'apart' || state === 'rejected' || state === 'derived') continue
    if (isOpen(state)) {
      deviations += 1
      if (!withDeviations) continue
    }
    const own = program(actor.exe, actor.script)
    own.behaviours += 1
    if (isOpen(state)) own.open += 1
    if (object.kind === 'exec') {
      const started = program(object.path, object.script)
      started.users.add(userText(uid))
      runs.push({ from: own, to: started, row })
    } else {
      own.users.add(userText(uid))
      addAct(own, row)
      addPeer(peers, own, row)
    }
  }
  return { ...drawn([...programs.values()], runs, [...peers.values()]), deviations }
}

function drawn(
  all: readonly Program[],
  runs: readonly { readonly from: Program; readonly to: Program; readonly row: Outlined }[],
  allPeers: readonly Peer[],
): Omit<PictureView, 'deviations'> {
  const shown = all.toSorted((a, b) => b.open - a.open || b.behaviours - a.behaviours)
  const kept = new Set(shown.slice(0, programsShown))
  const programs = all.filter((each) => kept.has(each))
  const index = new Map(programs.map((each, i) => [each, i]))
  const peers = allPeers.toSorted((a, b) => b.count - a.count).slice(0, peersShown)
  return {
    programs: programs.map(programView),
    runs: runs.flatMap(({ from, to, row }): RunView[] => {
      const [a, b] = [index.get(from), index.get(to)]
      if (a === undefined || b === undefined) return []
      const { id, state, object } = row.entry
      const drift = object.kind === 'exec' && object.drift === true
      return [{ from: a, to: b, id, state, drift }]
    }),
    peers: peers.map(({ view, programs: by, count, state }) => ({
      ...view,
      programs: [...by].map((each) => index.get(each)).filter((i) => i !== undefined),
      count,
      state,
    })),
    left: { programs: all.length - programs.length, peers: allPeers.length - peers.length },
  }
}

function addAct(program: Program, { entry, text }: Outlined): void {
  const name = groupOf(entry.object)
  let group = program.acts.get(name)
  if (group === undefined) {
    group = { total: 0, shown: [] }
    program.acts.set(name, group)
  }
  group.total += 1
  const line = { id: entry.id, text: lineOf(entry.object, text), state: entry.state }
  if (group.shown.length < linesShown) group.shown.push(line)
  else if (isOpen(line.state)) {
    // Behaviour in review is always shown.
    const at = group.shown.findLastIndex(({ state }) => !isOpen(state))
    if (at >= 0) group.shown.splice(at, 1, line)
  }
}

function lineOf(object: BehaviourObject, text: string): string {
  const isPlain = object.kind === 'file' && (object.access === 'read' || object.access === 'write')
  return isPlain || object.kind === 'connect' || object.kind === 'listen'
    ? objectText(object)
    : text
}

function groupOf(object: BehaviourObject): ActGroupName {
  if (object.kind === 'connect' || object.kind === 'listen') return object.kind
  if (object.kind !== 'file') return 'other'
  return object.access === 'read' || object.access === 'exec' ? 'read' : 'write'
}

function addPeer(peers: Map<string, Peer>, program: Program, { entry }: Outlined): void {
  const { object, state } = entry
  if (object.kind !== 'connect' && object.kind !== 'listen') return
  const direction = object.kind === 'connect' ? 'out' : 'in'
  const peer = object.kind === 'connect' ? object.peer : object.address
  const { protocol, port } = object
  const name = `${direction} ${protocol} ${peer} ${port}`
  let known = peers.get(name)
  if (known === undefined) {
    const view = { protocol, peer, port, direction } as const
    known = { view, programs: new Set(), count: 0, state }
    peers.set(name, known)
  }
  known.programs.add(program)
  if (isOpen(state)) known.state = state
  for (const cell of entry.allCells()) known.count += cell.count
}

function programView({ exe, script, users, acts, open }: Program): ProgramView {
  const groups = actGroups.flatMap((group): ActGroup[] => {
    const found = acts.get(group)
    return found === undefined ? [] : [{ group, ...found }]
  })
  return {
    exe,
    ...(script === undefined ? {} : { script }),
    users: [...users].sort(),
    acts: groups,
    open,
  }
}

export function isOpen(state: ShownState): boolean {
  return state === 'pending' || state === 'quarantined'
}
