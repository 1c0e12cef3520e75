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

/**
 * Code of a shell in the language of shapes, where words that are only arguments may be any word.
 * Commands, options, variables, quotes and everything that a shell interprets stay as they are.
 * Undefined where that is all of it.
 */
export function foldWords(code: string): string | undefined {
  let folded = ''
  let isCommand = true
  let isVariable = false
  let changed = false
  for (let at = 0; at < code.length; ) {
    const end = wordEnd(code, at)
    if (end === at) {
      const character = code.startsWith('<lt>', at) ? '<lt>' : (code[at] ?? '')
      isVariable = character === '$' || (isVariable && character === '{')
      if (/[;|&({}!`\n]/.test(character)) isCommand = true
      folded += character
      at += character.length
      continue
    }
    const word = code.slice(at, end)
    const how = isVariable || isCommand ? asCommand(word) : asArgument(word)
    if (how === undefined) return undefined
    if (!isVariable) isCommand = isCommand && (prefixes.has(word) || assignment.test(word))
    isVariable = false
    changed ||= how !== word
    folded += how
    at = end
  }
  return changed ? folded : undefined
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

/** A command stays as it is. Where it varies itself, it is not folded. */
function asCommand(word: string): string | undefined {
  const name = assignment.exec(word)?.[0]
  if (name !== undefined && name !== word) return `${name}<word>`
  return word.includes('<') ? undefined : word
}

/** An option is still that option. */
function asArgument(word: string): string {
  if (!word.startsWith('-')) return '<word>'
  return word.replaceAll(/<(?:int|long)>/g, '<num>').replaceAll(/<(?!num>)[^>]*>/g, '<word>')
}
