import type { Command, Option } from 'commander'
import { SnugError } from '../errors.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

/** One command with what may follow it. */
interface Node {
  /** As typed after `snug`, such as `profile show`; of the program itself ''. */
  readonly path: string
  readonly words: readonly Word[]
}

interface Word {
  readonly text: string
  readonly about: string
}

/** A script for the shell, made of the commands as they are: nothing is asked of an agent while one types. */
export function completionScript(program: Command, shell: string): string {
  const nodes = nodesOf(program, '')
  switch (shell as Shell) {
    case 'bash':
      return bash(nodes)
    case 'zsh':
      return zsh(nodes)
    case 'fish':
      return fish(nodes)
    default:
      throw new SnugError(
        'USAGE',
        `no completion for \`${shell}\`; supported: ${shells.join(', ')}`,
      )
  }
}

function nodesOf(command: Command, path: string): readonly Node[] {
  const children = command.commands.filter((child) => child.name() !== 'help')
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? [])
  const options = [...globalOptions(command), ...command.options].flatMap(optionWords)
  const words = [
    ...children.map((child) => ({ text: child.name(), about: child.description() })),
    ...choices.map((text) => ({ text, about: '' })),
    ...options,
  ]
  const below = children.flatMap((child) => nodesOf(child, `${path} ${child.name()}`.trim()))
  return [{ path, words }, ...below]
}

function globalOptions(command: Command): readonly Option[] {
  const options: Option[] = []
  for (let above = command.parent; above !== null; above = above.parent)
    options.push(...above.options)
  return options
}

function optionWords({ long, description }: Option): readonly Word[] {
  return typeof long === 'string' ? [{ text: long, about: description }] : []
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(
    ({ path, words }) => `    '${path}') words='${texts(words).join(' ')}' ;;`,
  )
  return `# snug completion bash: source it, or put it into /etc/bash_completion.d
_snug() {
  local current=\${COMP_WORDS[COMP_CWORD]} typed= words= at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in -o|--output|--socket) ((at++)) ;; -*) ;; *) typed="\${typed:+$typed }\${COMP_WORDS[at]}" ;; esac
  done
  while :; do
    case $typed in
${cases.join('\n')}
    esac
    [[ -n $words || -z $typed ]] && break
    case $typed in *' '*) typed=\${typed% *} ;; *) typed= ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _snug snug
`
}

function zsh(nodes: readonly Node[]): string {
  return `# snug completion zsh: source it
autoload -U +X bashcompinit && bashcompinit
${bash(nodes)}`
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) => {
    const steps = path === '' ? [] : path.split(' ')
    const seen = steps.map((step) => `__fish_seen_subcommand_from ${step}`)
    const condition = seen.length === 0 ? '__fish_use_subcommand' : seen.join('; and ')
    return words.map(({ text, about }) => {
      const what = text.startsWith('--') ? `-l ${text.slice(2)}` : `-a ${text}`
      return `complete -c snug -n '${condition}' ${what} -d '${quoted(about)}'`
    })
  })
  return `# snug completion fish: put it into ~/.config/fish/completions/snug.fish\n${lines.join('\n')}\n`
}

function texts(words: readonly Word[]): readonly string[] {
  return words.map(({ text }) => text)
}

/** Within single quotes of any of the shells. */
function quoted(text: string): string {
  return text.replace(/['\\:]/g, ' ')
}
