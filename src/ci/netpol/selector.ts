import { allOf, type Answer, no, unknown, yes } from './answer.ts'

export const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const

/** A label selector of the API: all of it must hold, and without anything it selects everything. */
export interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>
  readonly matchExpressions: readonly Requirement[]
}

export interface Requirement {
  readonly key: string
  readonly operator: (typeof operators)[number]
  readonly values: readonly string[]
}

/** As far as they are known: where they are not complete, a label that is not among them may be there. */
export interface Labels {
  readonly known: Readonly<Record<string, string>>
  readonly complete: boolean
}

export function isEverything({ matchLabels, matchExpressions }: Selector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

/** @param whose for the answer where it is not known: `pods of user-db.shop` */
export function selects(selector: Selector, labels: Labels, whose: string): Answer {
  const requirements = [
    ...Object.entries(selector.matchLabels).map(
      ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
    ),
    ...selector.matchExpressions,
  ]
  return allOf(requirements.map((one) => holds(one, labels, whose)))
}

function holds({ key, operator, values }: Requirement, labels: Labels, whose: string): Answer {
  const value = Object.hasOwn(labels.known, key) ? labels.known[key] : undefined
  if (value === undefined && !labels.complete) {
    return unknown(`the label \`${key}\` of ${whose}`)
  }
  switch (operator) {
    case 'In':
      return answerOf(value !== undefined && values.includes(value))
    case 'NotIn':
      // Also where there is no such label.
      return answerOf(value === undefined || !values.includes(value))
    case 'Exists':
      return answerOf(value !== undefined)
    case 'DoesNotExist':
      return answerOf(value === undefined)
  }
}

function answerOf(holding: boolean): Answer {
  return holding ? yes : no
}

/** As kubectl writes them: `app=db,tier in (a,b),!old`. */
export function selectorText(selector: Selector): string {
  const labels = Object.entries(selector.matchLabels).map(([key, value]) => `${key}=${value}`)
  const expressions = selector.matchExpressions.map(({ key, operator, values }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`
      case 'NotIn':
        return `${key} notin (${values.join(',')})`
      case 'Exists':
        return key
      case 'DoesNotExist':
        return `!${key}`
    }
  })
  return [...labels, ...expressions].join(',')
}
