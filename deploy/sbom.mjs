// Lists what is in the image as CycloneDX: npm packages that are part of the bundle by the list of the build, others by that
// of npm and where they are still there, Debian packages by dpkg's list, and the libraries in the sensor by its own. Without
// a time or a number drawn for it: the same image has the same list.
//
//   node sbom.mjs FOLDER    the folder of package.json, node_modules and dist
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2] ?? '.'
const json = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8'))

function component(purl, name, version, more = {}) {
  return { type: 'library', 'bom-ref': purl, name, version, purl, ...more }
}

function npmPackages() {
  const { packages } = json('node_modules/.package-lock.json')
  const installed = Object.entries(packages)
    .filter(([path]) => existsSync(join(folder, path, 'package.json')))
    .map(([path, { version, license }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return { name, version, license }
    })
  const found = new Map()
  for (const { name, version, license } of [...json('dist/packages.json').bundled, ...installed]) {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const licenses = license === undefined ? {} : { licenses: [{ expression: license }] }
    found.set(purl, component(purl, name, version, licenses))
  }
  return [...found.values()]
}

/** Those that are installed here, or those that SNUG_PACKAGES lists. */
function debianLines() {
  const listed = process.env.SNUG_PACKAGES
  if (listed !== undefined) {
    const lines = readFileSync(listed, 'utf8').trimEnd().split('\n')
    return lines.map((line) => `installed\t${line}`)
  }
  const format = '-f=${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n'
  return execFileSync('dpkg-query', ['-W', format], { encoding: 'utf8' }).split('\n')
}

function debianPackages() {
  return debianLines()
    .map((line) => line.split('\t'))
    .filter(([status]) => status === 'installed')
    .map(([, name, version, arch]) =>
      component(
        `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}`,
        name,
        version,
      ),
    )
}

function linkedLibraries() {
  // The file may be for another machine, which this one cannot ask.
  const text = readFileSync(join(folder, 'agent/snug-sensor'), 'latin1')
  const [printed] = /libbpf@[\w.~+-]+(?: [a-z]+@[\w.~+-]+)+/.exec(text) ?? []
  const [, glibc] = /GNU C Library .* version (\d[\d.]*\d)\./.exec(text) ?? []
  if (printed === undefined || glibc === undefined) throw new Error('the sensor names no libraries')
  return `${printed} glibc@${glibc}`
    .split(' ')
    .map((each) => component(`pkg:generic/${each}`, ...each.split('@')))
}

const { name, version, license } = json('package.json')
const purl = `pkg:npm/${name}@${version}`
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: {
    component: {
      ...component(purl, name, version, { licenses: [{ license: { id: license } }] }),
      type: 'application',
    },
  },
  components: [...npmPackages(), ...linkedLibraries(), ...debianPackages()],
}
process.stdout.write(`${JSON.stringify(bom, null, 1)}\n`)
