import { profileExport } from '../../api/profile-views.ts'
import { versionView } from '../../api/version-views.ts'
import { z } from 'zod'
import { exportFormats } from '../../supplychain/export/export-profile.ts'
import { keptScan } from '../../supplychain/findings/kept-scan.ts'
import { ref } from '../call-parts.ts'
import { type Route, route } from './route.ts'

/** Import and export: profiles, exported in many formats and imported in one, and scan reports. */
export const transferRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/images/:ref/export',
    role: 'viewer',
    summary:
      'the profile of a version in the format of another tool, or as `snug` with all its evidence',
    query: z.strictObject({ format: z.enum(exportFormats).default('snug') }),
    answer: profileExport,
    handle: ({ engine }, { params, query }) => engine.exportProfile(ref(params), query.format),
  }),
  route({
    method: 'PUT',
    path: '/v1/images/:ref/scan',
    role: 'reviewer',
    summary: 'stores scanner findings with the version, sorted by the observed use of packages',
    body: keptScan,
    answer: versionView,
    handle: ({ engine }, { params, body, by }) => engine.keepScan(ref(params), body, by),
  }),
  route({
    method: 'POST',
    path: '/v1/profiles',
    role: 'reviewer',
    summary:
      'merges an exported profile into the version of its image, which then waits for review',
    stream: true,
    answer: versionView,
    handle: ({ engine }, { chunks, by }) => engine.importProfile(chunks, by),
  }),
]
