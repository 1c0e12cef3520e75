import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { statusLine } from './adr-index.ts'

const folders = ['agent', 'deploy', 'docs', 'profiles', 'test']

/**
 * Faults of pages that people write: links and paths within the repository that lead nowhere, and decisions (`docs/adr`)
 * without number, status or date. `root` ends with a slash.
 */
export function faultsOfPages(root: string): readonly string[] {
  const pages = folders.flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  )
  pages.push(...readdirSync(root).filter((name) => name.endsWith('.md')))
  return [
    ...pages.flatMap((page) => [...deadLinks(root, page), ...deadPaths(root, page)]),
    ...faultsOfDecisions(`${root}docs/adr`),
  ]
}

function deadLinks(root: string, page: string): readonly string[] {
  const text = readFileSync(root + page, 'utf8').replaceAll(/```.*?```/gs, '')
  const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target)
  return targets
    .filter((target) => target !== undefined && !/^[a-z]+:/.test(target))
    .filter((target) => !existsSync(resolve(root, dirname(page), String(target))))
    .map((target) => `${page}: \`${target}\` is not there`)
}

/** Paths in code spans, from the root of the repository. Patterns and built files are no such paths. */
function deadPaths(root: string, page: string): readonly string[] {
  const text = readFileSync(root + page, 'utf8').replaceAll(/```.*?```/gs, '')
  return [...text.matchAll(/`((?:src|agent|test|docs|deploy|profiles)\/[\w./-]*)`/g)]
    .map(([, path]) => path ?? '')
    .filter((path) => path !== 'agent/snug-sensor' && !existsSync(root + path))
    .map((path) => `${page}: \`${path}\` is not there`)
}

function faultsOfDecisions(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}-/.test(name))
    .sort()
    .flatMap((name, index) => {
      const number = index + 1
      const text = readFileSync(`${folder}/${name}`, 'utf8')
      const title = text.split('\n', 1)[0] ?? ''
      const fits = Number(name.slice(0, 4)) === number && title.startsWith(`# ${number}. `)
      return [
        ...(fits ? [] : [`docs/adr/${name}: number ${number} comes next`]),
        ...(statusLine.test(text) ? [] : [`docs/adr/${name}: no line with status and date`]),
      ]
    })
}
