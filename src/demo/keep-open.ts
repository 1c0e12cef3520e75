import { createInterface } from 'node:readline'
import type { DemoAgent } from './demo-agent.ts'
import type { Screen } from './screen.ts'

interface Keeping {
  /** Resolves at Ctrl-C. */
  readonly interrupted: Promise<unknown>
  readonly hasPage: boolean
}

/** Prints a link to the page of the agent; resolves at Ctrl-C, or when the agent ends. Enter prints another link. */
export async function keepOpen(
  screen: Screen,
  agent: DemoAgent,
  { interrupted, hasPage }: Keeping,
): Promise<void> {
  const isAsking = process.stdin.isTTY
  const printLink = async (): Promise<void> => {
    const link = await agent.ask<{ url: string }>(['ui'])
    if (link !== undefined) screen.fact('page', link.url)
  }
  if (hasPage) await printLink()
  const again =
    hasPage && isAsking ? ' The link works once, for two minutes; Enter prints another one.' : ''
  screen.line(`    ${screen.paint('dim', `The agent keeps running. Ctrl-C stops it.${again}`)}`)
  const lines = hasPage && isAsking ? createInterface({ input: process.stdin }) : undefined
  lines?.on('line', () => void printLink())
  await Promise.race([agent.ended(), interrupted])
  lines?.close()
}
