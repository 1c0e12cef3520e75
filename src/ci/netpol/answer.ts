/** An answer that may be unknown; it then explains which information is missing. */
export type Answer =
  | { readonly is: 'yes' }
  | { readonly is: 'no' }
  | { readonly is: 'unknown'; readonly why: string }

export const yes: Answer = { is: 'yes' }
export const no: Answer = { is: 'no' }

export function unknown(why: string): Answer {
  return { is: 'unknown', why }
}

/** Of none: yes. */
export function allOf(answers: readonly Answer[]): Answer {
  return answers.find(({ is }) => is === 'no') ?? answers.find(({ is }) => is === 'unknown') ?? yes
}

/** Of none: no. */
export function anyOf(answers: readonly Answer[]): Answer {
  return answers.find(({ is }) => is === 'yes') ?? answers.find(({ is }) => is === 'unknown') ?? no
}
