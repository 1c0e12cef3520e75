import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const folders = ['agent', 'deploy', 'docs', 'profiles', 'test']

/**
 * What is wrong with pages that people write: links within the repository that lead nowhere, and decisions (`docs/adr`)
 * whose numbers do not follow each other. `root` ends with a slash.
 */
export function faultsOfPages(root: string): readonly string[] {
  const pages = folders.flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  )
  pages.push('README.md')
  return [...pages.flatMap((page) => deadLinks(root, page)), ...misnumbered(`${root}docs/adr`)]
}

function deadLinks(root: string, page: string): readonly string[] {
  const text = readFileSync(root + page, 'utf8').replaceAll(/```.*?```/gs, '')
  const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target)
  return targets
    .filter((target) => target !== undefined && !/^[a-z]+:/.test(target))
    .filter((target) => !existsSync(resolve(root, dirname(page), String(target))))
    .map((target) => `${page}: \`${target}\` is not there`)
}

function misnumbered(folder: string): readonly string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name, index) => {
      const number = index + 1
      const title = readFileSync(`${folder}/${name}`, 'utf8').split('\n', 1)[0] ?? ''
      const fits = Number(name.slice(0, 4)) === number && title.startsWith(`# ${number}. `)
      return fits ? [] : [`docs/adr/${name}: number ${number} comes next`]
    })
}
