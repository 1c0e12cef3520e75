// Checks the npm packages that Snug is delivered with: each has a licence that Apache-2.0 software can ship, and npm's
// registry knows no serious vulnerability of it. A registry without such a service, as many mirrors are, is named and
// passes, except with --audit.
//
//   node check-dependencies.mjs [--audit]
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const checkout = fileURLToPath(new URL('..', import.meta.url))
const complain = (text) => process.stderr.write(`${text}\n`)
const json = (path) => JSON.parse(readFileSync(checkout + path, 'utf8'))

/** They ask for no more than their text, which the package keeps. */
const permissive = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
])

/** The identifier of SPDX; older packages have a list. */
function licenceOf(path, { license }) {
  if (license !== undefined) return license
  const { license: own, licenses = [] } = json(`${path}/package.json`)
  return own ?? licenses.map(({ type }) => type).join(' AND ')
}

const isAllowed = (licence) =>
  licence
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => permissive.has(one)))

const delivered = Object.entries(json('package-lock.json').packages).filter(
  ([path, { dev }]) => path !== '' && dev !== true,
)
const refused = delivered
  .map(([path, entry]) => [path.replace(/^node_modules\//, ''), licenceOf(path, entry)])
  .filter(([, licence]) => !isAllowed(licence))
for (const [name, licence] of refused) {
  complain(
    `${name}: its licence \`${licence}\` is not among those of deploy/check-dependencies.mjs`,
  )
}

const asked = ['audit', '--omit=dev', '--audit-level=high', '--json']
const audit = spawnSync('npm', asked, { cwd: checkout, encoding: 'utf8' })
const report = audit.stdout.startsWith('{') ? JSON.parse(audit.stdout) : {}
const isAudited = report.auditReportVersion !== undefined
if (!isAudited) {
  complain(`not audited: ${report.message ?? audit.stderr.trim() ?? 'npm gave no report'}`)
}
const found = Object.values(report.vulnerabilities ?? {}).filter(({ severity }) =>
  ['high', 'critical'].includes(severity),
)
for (const { name, severity } of found) complain(`${name}: a vulnerability, ${severity}`)

const mustAudit = process.argv.includes('--audit')
process.exitCode = refused.length + found.length > 0 || (mustAudit && !isAudited) ? 1 : 0
