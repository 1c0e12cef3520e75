import type { Command } from 'commander'
import type { CaseFileView, CaseProcess, CaseSummary, CaseView } from '../../api/case-views.ts'
import { SnugError } from '../../errors.ts'
import { verifiedCase } from '../../supplychain/attest/case-statement.ts'
import { parseEnvelope } from '../../supplychain/attest/dsse.ts'
import { trustedKey } from '../../supplychain/attest/keys.ts'
import type { CliContext } from '../cli-context.ts'
import { readBytes, readJsonFile } from '../input/json-file.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { signerFields } from '../output/signer-fields.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

const columns: readonly Column<CaseSummary>[] = [
  { head: 'ID', value: ({ id }) => id },
  { head: 'TIME', value: ({ time }) => `${time.slice(0, 19)}Z` },
  { head: 'STATE', value: ({ state }) => state },
  { head: 'CONTAINER', value: ({ container: { id, name } }) => name ?? id.slice(0, 12) },
  { head: 'BYTES', value: ({ bytes }) => bytes, right: true },
  { head: 'REASON', value: ({ reason }) => reason },
]

const processColumns: readonly Column<CaseProcess>[] = [
  { head: 'PID', value: ({ pid }) => pid, right: true },
  { head: 'PARENT', value: ({ ppid }) => ppid, right: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'STARTED', value: ({ started }) => `${started.slice(0, 19)}Z` },
  { head: 'PROGRAM', value: ({ exe }) => exe },
  { head: 'ARGUMENTS', value: ({ args }) => args.join(' ') },
]

const fileColumns: readonly Column<CaseView['files'][number]>[] = [
  { head: 'PATH', value: ({ path }) => path },
  { head: 'BYTES', value: ({ bytes }) => bytes, right: true },
  { head: 'CHANGED', value: ({ changed }) => `${changed.slice(0, 19)}Z` },
  { head: 'SHA-256', value: ({ sha256, omitted }) => sha256 ?? `not captured: ${omitted}` },
]

export function caseCommands(program: Command, context: CliContext): void {
  program
    .command('capture')
    .description(
      'captures evidence of a container: its processes, its last events and the files that it changed. Events of the next minute follow; audited',
    )
    .argument('<container>', 'its name, or the beginning of its id')
    .option('--reason <text>', 'reason, stored with the case')
    .action(async (container: string, { reason }: { readonly reason?: string }) => {
      if (reason === undefined) throw new SnugError('USAGE', 'pass `--reason`')
      const found = await context.client.send<CaseSummary>('POST', '/v1/cases', {
        container,
        reason,
      })
      await context.print(found, [found], () => summaryText(found))
    })
  const cases = program.command('case').description('shows captured evidence of containers')
  cases
    .command('list')
    .description('lists cases, newest first')
    .action(async () => {
      const found = await context.client.get<readonly CaseSummary[]>('/v1/cases')
      await context.print(found, found, () =>
        found.length === 0 ? 'nothing was captured\n' : textTable(columns, found, context.io),
      )
    })
  cases
    .command('show')
    .description('shows a case, without the contents of its files')
    .argument('<id>', 'its id')
    .action(async (id: string) => {
      const found = await context.client.get<CaseView>(casePath(id))
      await context.print(found, [found], () => storyText(found, context.io))
    })
  cases
    .command('export')
    .description('writes the compressed NDJSON of a case, with the files in it; audited')
    .argument('<id>', 'its id')
    .argument('<file>', 'file to write')
    .action(async (id: string, file: string) => {
      const found = await context.client.get<CaseFileView>(`${casePath(id)}/file`)
      const { content, sha256, signature } = found
      const bytes = Buffer.from(content, 'base64')
      writeOutputFile(file, bytes, 0o600)
      const files = [file]
      if (signature !== undefined) {
        files.push(signatureOf(file))
        writeOutputFile(signatureOf(file), Buffer.from(`${JSON.stringify(signature)}\n`), 0o600)
      }
      const written = { file, bytes: bytes.length, sha256, signed: signature !== undefined }
      await context.print(written, [written], () =>
        [...files.map((each) => `wrote ${each}\n`), `sha256:${sha256}\n`].join(''),
      )
    })
  cases
    .command('verify')
    .description(
      'verifies an exported case by its signature, without an agent. Exits with 2 if it was changed, or not signed by a trusted key',
    )
    .argument('<file>', 'the compressed NDJSON; its signature is beside it, in `FILE.dsse.json`')
    .requiredOption('--key <file...>', 'public keys that are trusted, PEM')
    .action((file: string, { key }: { readonly key: readonly string[] }) => {
      const envelope = parseEnvelope(readJsonFile(signatureOf(file), 'ATTESTATION_INVALID'))
      const keys = key.map(trustedKey)
      const {
        content: summary,
        signer,
        made,
      } = verifiedCase(readBytes(file, 'ATTESTATION_INVALID'), envelope, { keys })
      const answer = { ...summary, ...signer, made }
      return context.print(answer, [answer], () =>
        textFields([...summaryFields(summary), ...signerFields(signer), ['signed', made]]),
      )
    })
}

function casePath(id: string): string {
  return `/v1/cases/${encodeURIComponent(id)}`
}

function signatureOf(file: string): string {
  return `${file}.dsse.json`
}

function summaryText(summary: CaseSummary): string {
  const { signedBy } = summary
  return textFields([
    ...summaryFields(summary),
    ...(signedBy === undefined ? [] : ([['signed by', signedBy]] as const)),
  ])
}

function summaryFields({
  id,
  state,
  time,
  by,
  reason,
  alert,
  container,
  bytes,
  sha256,
}: CaseSummary): readonly (readonly [string, string])[] {
  return [
    ['case', id],
    ['state', state],
    ['time', time],
    ['container', `${container.id.slice(0, 12)} ${container.name ?? ''}`.trim()],
    ['by', `${by}: ${reason}`],
    ...(alert === undefined ? [] : ([['alert', alert]] as const)),
    ['file', `${bytes} bytes, sha256:${sha256}`],
  ]
}

function storyText(found: CaseView, style: TableStyle): string {
  const { processes, files, before, after, notes, profile } = found
  const parts = [
    summaryText(found),
    ...(profile === undefined
      ? []
      : [`profile   ${profile.state}, ${profile.mode}, revision ${profile.revision}\n`]),
    `\nprocesses\n${textTable(processColumns, processes, style)}`,
    ...sockets(processes),
    `\nfiles that it changed\n${files.length === 0 ? 'none\n' : textTable(fileColumns, files, style)}`,
    `\nevents: ${before.length} before, ${after.length} after; \`-o json\` has them\n`,
    ...notes.map((note) => `note: ${safeText(note)}\n`),
  ]
  return parts.join('')
}

function sockets(processes: readonly CaseProcess[]): readonly string[] {
  return processes.flatMap(({ pid, sockets: own }) =>
    own.map(
      ({ protocol, local, remote, state }) =>
        `  ${pid} ${protocol} ${local} to ${remote} (${state})\n`,
    ),
  )
}
