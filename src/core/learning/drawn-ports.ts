import { drawnByKernel, holdsPort, type PortRange, unprivilegedPorts } from '../behaviour/ports.ts'
import {
  figuresOf,
  type NameUse,
  stateOf,
  type VocabularyFigures,
  type VocabularyOptions,
} from './vocabulary.ts'

/** How one port was used, over all containers. */
export interface PortUse extends Omit<NameUse, 'name'> {
  readonly port: number
}

export interface DrawnPorts {
  readonly range: PortRange
  readonly figures: VocabularyFigures
}

/** Ports from which on they may be drawn: fewer where the kernel draws them, still fewer in as many containers. */
const DRAWN_LEAST = 8
const BY_KERNEL_LEAST = 5
const CONTAINERS_LEAST = 3
/** Of the ports that may be drawn, those that were are within a share below this: then they are of a range of their own. */
const NARROW = 1 / 8

/**
 * The range that a program draws its ports from; undefined where their vocabulary is not open. `uses`: of one program,
 * protocol, and peer or address, each port once. A function of the evidence: the same for any order of it.
 */
export function drawnPorts(
  uses: readonly PortUse[],
  options: VocabularyOptions,
): DrawnPorts | undefined {
  const all = uses.filter(({ port }) => holdsPort(unprivilegedPorts, port))
  const byKernel = all.filter(({ port }) => holdsPort(drawnByKernel, port))
  const others = all.filter(({ port }) => !holdsPort(drawnByKernel, port))
  if (isOpen(others, DRAWN_LEAST, options)) return drawnFrom(all, unprivilegedPorts, options)
  if (isOpen(byKernel, BY_KERNEL_LEAST, options) || isNewInEach(byKernel, options)) {
    return drawnFrom(byKernel, drawnByKernel, options)
  }
  return undefined
}

function isOpen(uses: readonly PortUse[], least: number, options: VocabularyOptions): boolean {
  return uses.length >= least && stateOf(figures(uses, options), options) === 'open'
}

/** Every container brought ports that none had before, and none came again. */
function isNewInEach(uses: readonly PortUse[], options: VocabularyOptions): boolean {
  const { names, once, containers } = figures(uses, options)
  return containers >= CONTAINERS_LEAST && names >= containers && once === names
}

function figures(uses: readonly PortUse[], options: VocabularyOptions): VocabularyFigures {
  return figuresOf(
    uses.map(({ port, ...use }) => ({ ...use, name: String(port) })),
    options,
  )
}

/** Where many ports are close together, their range reaches as far again on both sides. */
function drawnFrom(
  uses: readonly PortUse[],
  prior: PortRange,
  options: VocabularyOptions,
): DrawnPorts {
  const ports = uses.map(({ port }) => port)
  const [low, high] = [Math.min(...ports), Math.max(...ports)]
  const span = high - low + 1
  const isNarrow = ports.length >= DRAWN_LEAST && span < (prior.last - prior.first) * NARROW
  const range = isNarrow
    ? { first: Math.max(prior.first, low - span), last: Math.min(prior.last, high + span) }
    : prior
  return { range, figures: figures(uses, options) }
}
