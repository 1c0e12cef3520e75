import { z } from 'zod'
import { reason } from '../../api/body-parts.ts'
import { caseFileView, caseSummary, caseView } from '../../api/case-views.ts'
import { because } from '../call-parts.ts'
import { type Route, route } from './route.ts'

/** Evidence of containers. */
export const caseRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/cases',
    role: 'viewer',
    summary: 'the cases of this node, newest first',
    answer: z.array(caseSummary),
    handle: ({ engine }) => engine.cases(),
  }),
  route({
    method: 'POST',
    path: '/v1/cases',
    role: 'admin',
    summary:
      'captures evidence of a container: its processes, its last events and the files that it changed. Events of the next minute follow',
    body: z.strictObject({
      container: z
        .string()
        .min(1)
        .max(1_000)
        .meta({ description: 'by its name or the beginning of its id' }),
      reason,
    }),
    answer: caseSummary,
    handle: ({ engine }, { body, by }) => engine.capture(body.container, because(by, body.reason)),
  }),
  route({
    method: 'GET',
    path: '/v1/cases/:id',
    role: 'viewer',
    summary: 'one case, without the contents of its files',
    answer: caseView,
    handle: ({ engine }, { params }) => engine.case(params['id'] ?? ''),
  }),
  route({
    method: 'GET',
    path: '/v1/cases/:id/file',
    role: 'admin',
    summary: 'the compressed file of a case, with the contents of the files in it; audited',
    answer: caseFileView,
    handle: ({ engine }, { params, by }) => engine.caseFile(params['id'] ?? '', by),
  }),
]
