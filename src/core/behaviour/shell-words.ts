/** Part of a word of a shell, or a token of the language of shapes; no character that a shell interprets. */
const wordPart = /[A-Za-z0-9_./:=@%,+~^-]|<(?!lt>)[a-z]+(?::\d+)?>/y
const assignment = /^[A-Za-z_][A-Za-z0-9_]*=/

/** Behind these the next word is a command. */
const prefixes: ReadonlySet<string> = new Set(
  (
    'if then else elif do while until time exec eval command builtin source . ' +
    'env nohup sudo doas xargs nice timeout stdbuf setsid chroot'
  ).split(' '),
)

/** Different words in one place from which on any may stand there. As for the types of parts of paths. */
const WORDS_LEAST = 3

/** Code of a shell: its arguments, and what is around them. */
export interface ShellCode {
  /** With all that may be variable. */
  readonly form: string
  /** One more than there are words. */
  readonly around: readonly string[]
  readonly words: readonly Word[]
}

interface Word {
  readonly text: string
  /** The text with all of it variable that may be so: an option is still that option. */
  readonly folded: string
}

/**
 * Code in the language of shapes, taken apart. Commands, variables, quotes and everything that a shell interprets are
 * around the words. Undefined where a command varies itself.
 */
export function shellCode(code: string): ShellCode | undefined {
  const around = ['']
  const words: Word[] = []
  let isCommand = true
  let isVariable = false
  for (let at = 0; at < code.length; ) {
    const end = wordEnd(code, at)
    const last = around.length - 1
    if (end === at) {
      const character = code.startsWith('<lt>', at) ? '<lt>' : (code[at] ?? '')
      isVariable = character === '$' || (isVariable && character === '{')
      if (/[;|&({}!`\n]/.test(character)) isCommand = true
      around[last] += character
      at += character.length
      continue
    }
    const text = code.slice(at, end)
    const folded = isVariable || isCommand ? foldedCommand(text) : foldedArgument(text)
    if (folded === undefined) return undefined
    if (!isVariable) isCommand = isCommand && (prefixes.has(text) || assignment.test(text))
    isVariable = false
    if (folded === text && !text.includes('<')) {
      around[last] += text
    } else {
      words.push({ text, folded })
      around.push('')
    }
    at = end
  }
  const all = words.map(({ folded }) => folded)
  return { form: codeText(around, all), around, words }
}

/**
 * The words, where those are variable in whose places several stood in others of that form. What was the same each time
 * stays, such as a program behind `nice -n 5`. Undefined where that is all of it.
 */
export function foldWords(
  code: ShellCode,
  others: readonly ShellCode[],
): readonly string[] | undefined {
  const alike = others.filter(({ form }) => form === code.form)
  const words = code.words.map(({ text, folded }, i) => {
    const seen = new Set([text])
    for (const other of alike) seen.add(other.words[i]?.text ?? '')
    return seen.has(folded) || seen.size >= WORDS_LEAST ? folded : text
  })
  return words.some((word, i) => word !== code.words[i]?.text) ? words : undefined
}

/** The text of code with these words in it. */
export function codeText(around: readonly string[], words: readonly string[]): string {
  return around.map((text, i) => `${text}${words[i] ?? ''}`).join('')
}

function wordEnd(code: string, from: number): number {
  let end = from
  for (;;) {
    wordPart.lastIndex = end
    const found = wordPart.exec(code)
    if (found === null) return end
    end += found[0].length
  }
}

/** Undefined where it varies: code with other commands is other code. */
function foldedCommand(word: string): string | undefined {
  const name = assignment.exec(word)?.[0]
  if (name !== undefined && name !== word) return `${name}<word>`
  return word.includes('<') ? undefined : word
}

function foldedArgument(word: string): string {
  if (!word.startsWith('-')) return '<word>'
  return word.replaceAll(/<(?:int|long)>/g, '<num>').replaceAll(/<(?!num>)[^>]*>/g, '<word>')
}
