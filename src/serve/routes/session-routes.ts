import { z } from 'zod'
import { roles } from '../../support/config/role.ts'
import { SnugError } from '../../errors.ts'
import { callbackPath } from '../../support/config/access-schema.ts'
import { type Route, route, type RouteWorld } from './route.ts'

export const sessionBody = z.strictObject({ token: z.string().min(1).max(4_000) })
/** Leads the browser to the issuer. */
export const leavePath = '/v1/session/sign-in'
export const leaveQuery = z.strictObject({
  to: z.string().max(1_002).optional().meta({
    description: 'place of the page to come back to: `#/map`',
  }),
})
const holder = z.object({ who: z.string(), role: z.enum(roles) })

/**
 * The caller's identity, for the agent and the console. The gateway handles sign-in and sign-out: a session cookie
 * replaces the header `Authorization`.
 */
export const sessionParts = {
  show: {
    method: 'GET',
    path: '/v1/session',
    role: 'viewer',
    summary: 'name and role of the caller',
    answer: holder,
  },
  begin: {
    method: 'POST',
    path: '/v1/session',
    role: 'nobody',
    gateway: true,
    summary: 'exchanges a token for a session cookie, which scripts cannot read and which expires',
    body: sessionBody,
    answer: holder,
    handle: onlyAtGateway,
  },
  end: {
    method: 'DELETE',
    path: '/v1/session',
    role: 'nobody',
    gateway: true,
    summary: 'ends the session of the cookie',
    answer: z.object({}),
    handle: onlyAtGateway,
  },
  leave: {
    method: 'GET',
    path: leavePath,
    role: 'nobody',
    gateway: true,
    summary: 'redirects a browser to the issuer where people sign in',
    query: leaveQuery,
    answer: 'text',
    handle: onlyAtGateway,
  },
  comeBack: {
    method: 'GET',
    path: callbackPath,
    role: 'nobody',
    gateway: true,
    summary: 'takes the answer of the issuer, begins a session, and leads back to the page',
    answer: 'text',
    handle: onlyAtGateway,
  },
} as const

export const sessionRoutes: readonly Route[] = [
  route({ ...sessionParts.show, handle: (_, { by, role }) => ({ who: by.who, role }) }),
  route(sessionParts.begin),
  route(sessionParts.end),
  route({
    method: 'POST',
    path: '/v1/sign-in-links',
    role: 'admin',
    summary: 'a link that signs one browser in; it works once and expires after two minutes',
    body: z.strictObject({ role: z.enum(roles).default('admin') }).prefault({}),
    answer: z.object({ url: z.string() }),
    handle: async (world, { body: { role }, by }) => {
      const { guests, address } = listening(world)
      const code = guests.invite(`link-of-${by.who.replace(':', '-')}`, role)
      await world.engine.record('sign-in-link', by, { role })
      return { url: `${address}/?code=${code}` }
    },
  }),
]

function onlyAtGateway(): never {
  throw new SnugError('BODY_INVALID', 'sessions exist only for the page, over TCP')
}

function listening({ guests, gateway }: RouteWorld) {
  const address = gateway?.()?.url
  if (guests === undefined || address === undefined) {
    throw new SnugError('BODY_INVALID', 'the agent serves no page: set `listen` to an address')
  }
  return { guests, address }
}
