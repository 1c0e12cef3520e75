import { cutName, isMadeUp } from './name.ts'
import {
  figuresOf,
  type NameUse,
  stateOf,
  type VocabularyFigures,
  type VocabularyOptions,
} from './vocabulary.ts'

/** As many as ports that may be drawn. Those that people chose have to be more: a domain's services are such words. */
const MADE_UP_LEAST = 8
const WORDS_LEAST = 12

/**
 * Whether the first labels below a domain are ever new: of one program, protocol and port, each label once. Undefined
 * where they are not. A function of the evidence: the same for any order of it.
 */
export function openLabels(
  uses: readonly NameUse[],
  options: VocabularyOptions,
): VocabularyFigures | undefined {
  const madeUp = uses.filter(({ name }) => cutName(name)?.words.some(isMadeUp) === true)
  const ofMadeUp = figuresOf(madeUp, options)
  const all = figuresOf(uses, options)
  const isNew = stateOf(ofMadeUp, options) === 'open' || isMostlyOnce(ofMadeUp)
  if (madeUp.length >= MADE_UP_LEAST && isNew) return all
  // Services that a program was still finding come again.
  const areWordsNew = stateOf(all, options) === 'open' && isMostlyOnce(all)
  return uses.length >= WORDS_LEAST && areWordsNew ? all : undefined
}

/** Nothing is known of the next name where all came within one slice of time. */
function isMostlyOnce({ once, names, units }: VocabularyFigures): boolean {
  return units > 1 && once * 2 > names
}

/** The labels of the top of a domain in a country, and of what countries register names under: `co.uk`. */
const COUNTRY = 2
const REGISTRY_MOST = 3

/**
 * Whether names below a domain may vary. Below a registry's domain they are of anybody. That is one label, or two where
 * the second is as short as those of registries in countries.
 */
export function mayVaryBelow(domain: string): boolean {
  const labels = domain.split('.').slice(0, -1)
  const [second = '', top = ''] = labels.slice(-2)
  if (labels.length < 2 || labels.includes('')) return false
  return labels.length > 2 || top.length > COUNTRY || second.length > REGISTRY_MOST
}
