import { z } from 'zod'
import { alertTypes, severities } from '../../core/event/alert-words.ts'
import { imageKey } from '../../core/event/image-key.ts'
import { behaviourKinds } from '../../core/event/event-words.ts'
import type { StatusView } from '../../api/status-views.ts'
import { shownStates } from '../../api/terms.ts'
import type { LineageView, VersionView } from '../../api/version-views.ts'
import { imagePath } from '../../api/image-path.ts'

/** All that a tool can do to an agent: a request that changes nothing. */
export interface Reader {
  get<T>(path: string): Promise<T>
}

export interface McpTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: z.ZodObject
  readonly read: (reader: Reader, input: Readonly<Record<string, unknown>>) => Promise<unknown>
}

function tool<Input extends z.ZodObject>(
  facts: Omit<McpTool, 'input' | 'read'>,
  input: Input,
  read: (reader: Reader, input: z.infer<Input>) => Promise<unknown>,
): McpTool {
  return { ...facts, input, read: (reader, given) => read(reader, input.parse(given)) }
}

const image = z
  .string()
  .min(1)
  .max(500)
  .describe('repository, repository:tag or repository@sha256:…; a prefix of the digest is enough')
const text = z.string().min(1).max(200)
const id = z.string().min(1).max(64)
const window = {
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(100).default(50),
}

export const mcpTools: readonly McpTool[] = [
  tool(
    {
      name: 'status',
      title: 'State of the agent',
      description:
        'State of the agent of this node: sources, latest losses, numbers of containers, versions and alerts.',
    },
    z.strictObject({}),
    (reader) => reader.get('/v1/status'),
  ),
  tool(
    {
      name: 'list_images',
      title: 'Images and versions',
      description:
        'Observed images with their versions: state, mode, coverage, and how many behaviours wait for a decision. `total` is the number of all.',
    },
    z.strictObject(window),
    async (reader, { offset, limit }) => {
      const versions = await versionsOf(reader)
      const rows = versions.slice(offset, offset + limit).map((version) => ({
        image: imageKey(version.image),
        tags: version.tags,
        state: version.state,
        mode: version.mode,
        behaviours: version.behaviours,
        pending: version.pending,
        running: version.containers.running,
        coverage: version.coverage.sentence,
      }))
      return { total: versions.length, offset, rows }
    },
  ),
  tool(
    {
      name: 'show_image',
      title: 'One image',
      description:
        'The versions of one image in full: evidence, gaps in it, losses, blocking, use of root.',
    },
    z.strictObject({ image }),
    (reader, given) => reader.get(imagePath(given.image)),
  ),
  tool(
    {
      name: 'list_behaviours',
      title: 'Behaviours of a version',
      description:
        'Behaviours of one version with their evidence: counts, containers, origins, first and last time, decisions. `total` is the number of all that match.',
    },
    z.strictObject({
      image,
      kind: z.enum(behaviourKinds).optional(),
      state: z.enum(shownStates).optional(),
      text: text.optional().describe('text in the behaviour or its program'),
      ...window,
    }),
    (reader, { image: ref, text: q, ...rest }) =>
      reader.get(imagePath(ref, `/behaviours?${query({ q, ...rest })}`)),
  ),
  tool(
    {
      name: 'diff_versions',
      title: 'Difference of two versions',
      description: 'Behaviours that one version has and the other has not.',
    },
    z.strictObject({ from: image, to: image }),
    (reader, { from, to }) => reader.get(imagePath(from, `/diff?${query({ to })}`)),
  ),
  tool(
    {
      name: 'list_alerts',
      title: 'Alerts',
      description: 'Alerts as short rows, newest first. `total` is the number of all that match.',
    },
    z.strictObject({
      image: image.optional(),
      severity: z.enum(severities).optional().describe('this severity and above'),
      type: z.enum(alertTypes).optional(),
      decided: z.boolean().optional().describe('only those with, or without, a decision'),
      text: text.optional().describe('text in the alert'),
      ...window,
    }),
    (reader, { text: q, ...rest }) => reader.get(`/v1/alert-rows?${query({ q, ...rest })}`),
  ),
  tool(
    {
      name: 'show_alert',
      title: 'An alert with its story',
      description:
        'One alert with its reasons, the ancestry of its process, and the events of its session or container before and after it.',
    },
    z.strictObject({ id: id.describe('of `list_alerts`') }),
    (reader, given) => reader.get(`/v1/alerts/${encodeURIComponent(given.id)}/story`),
  ),
  tool(
    {
      name: 'list_incidents',
      title: 'Incidents',
      description:
        'Alerts that hang together, gravest first: one row for each intrusion, over all of its containers. `total` is the number of all that match.',
    },
    z.strictObject({
      image: image.optional(),
      state: z.enum(['open', 'closed']).optional(),
      severity: z.enum(severities).optional().describe('this severity and above'),
      limit: window.limit,
    }),
    (reader, given) => reader.get(`/v1/incidents?${query(given)}`),
  ),
  tool(
    {
      name: 'show_incident',
      title: 'An incident with its steps',
      description: 'One incident: its steps in order of time, and why each alert belongs to it.',
    },
    z.strictObject({ id: id.describe('of `list_incidents`, or of an alert in it') }),
    (reader, given) => reader.get(`/v1/incidents/${encodeURIComponent(given.id)}`),
  ),
  tool(
    {
      name: 'list_cases',
      title: 'Captured evidence',
      description: 'Cases of this node, newest first: container, reason, alert, time and digest.',
    },
    z.strictObject({}),
    (reader) => reader.get('/v1/cases'),
  ),
  tool(
    {
      name: 'show_case',
      title: 'The evidence of a case',
      description:
        'One case: processes with arguments and sockets, files that the container changed, and the events before and after. It has no contents of files.',
    },
    z.strictObject({ id: id.describe('of `list_cases`') }),
    (reader, given) => reader.get(`/v1/cases/${encodeURIComponent(given.id)}`),
  ),
  tool(
    {
      name: 'list_holds',
      title: 'Held containers',
      description:
        'Containers that are kept from acting: level, reason, end, and how far the hold has come.',
    },
    z.strictObject({}),
    (reader) => reader.get('/v1/holds'),
  ),
  tool(
    {
      name: 'list_losses',
      title: 'Losses',
      description:
        'Events that the agent certainly missed: its latest losses of the whole node, and those of each version.',
    },
    z.strictObject({}),
    async (reader) => {
      const { losses } = await reader.get<StatusView>('/v1/status')
      const versions = await versionsOf(reader)
      return {
        node: losses,
        versions: versions
          .filter((version) => version.losses.length > 0)
          .map((version) => ({ image: imageKey(version.image), losses: version.losses })),
      }
    },
  ),
]

async function versionsOf(reader: Reader): Promise<readonly VersionView[]> {
  const lineages = await reader.get<readonly LineageView[]>('/v1/images')
  return lineages.flatMap(({ versions }) => versions)
}

function query(members: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) given.set(name, String(value))
  }
  return given.toString()
}
