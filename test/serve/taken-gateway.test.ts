import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BackendClient } from '../../src/gateway/backend-client.ts'
import { headersOf, ofToken } from '../../src/gateway/credential.ts'
import { TokenFile } from '../../src/serve/access/token-file.ts'
import { gatewayPaths } from '../../src/serve/gateway/gateway-protocol.ts'
import type { OpenedGateway } from '../../src/serve/gateway/gateway-supervisor.ts'
import { routes } from '../../src/serve/routes/routes.ts'
import { type Role, roles } from '../../src/support/config/role.ts'
import { realPath } from '../fixtures/api-client.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
let link: BackendClient
const held = new Map<Role, string>()

/** Checks nothing, and asks for what it likes. */
function takenGateway(): OpenedGateway {
  const [daemon, own] = duplexPair()
  link = new BackendClient(own)
  const rights = { pid: process.pid, uid: 0, capabilities: 'all', noNewPrivileges: false }
  link.report(gatewayPaths.ready, { address: '127.0.0.1:1', rights })
  return {
    link: daemon,
    gone: link.closed.then(() => 'it ended'),
    stop: async () => {
      daemon.destroy()
      own.destroy()
      await link.closed
    },
  }
}

beforeAll(async () => {
  fixture = await startFixture({ tcp: true, openGateway: takenGateway })
  const tokens = new TokenFile(join(fixture.dir, 'data', 'tokens.json'))
  for (const role of roles) held.set(role, tokens.create(`holder-${role}`, role))
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

function ofHolder(role: Role): Readonly<Record<string, string>> {
  return headersOf(ofToken(held.get(role) ?? ''))
}

async function answer(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly code?: string }> {
  const { status, body } = await link.ask(realPath(path), { method, headers })
  let text = ''
  for await (const part of body) text += String(part)
  const { code } = text.startsWith('{') ? (JSON.parse(text) as { readonly code?: string }) : {}
  return { status, ...(code === undefined ? {} : { code }) }
}

const guarded = routes.flatMap((route) =>
  route.role === 'nobody' || route.gateway === true ? [] : [{ ...route, role: route.role }],
)

describe.each(guarded)(
  'the daemon, asked for $method $path by a gateway that was taken over',
  (route) => {
    const { method, path, role } = route

    it('refuses a token whose role is below that of the route', async () => {
      for (const lower of roles.slice(0, roles.indexOf(role))) {
        const headers = ofHolder(lower)
        expect(await answer(method, path, headers), lower).toEqual({
          status: 403,
          code: 'FORBIDDEN',
        })
      }
      const own = await answer(method, path, ofHolder(role))
      expect([401, 403]).not.toContain(own.status)
    })

    it('refuses a token that it made up, and a person of an issuer that is not configured', async () => {
      const invented = headersOf({ kind: 'token', digest: 'ab'.repeat(32) })
      const person = headersOf({
        kind: 'claim',
        claim: { via: 'oidc', name: 'eve', role: 'admin' },
      })
      for (const headers of [invented, person, {}])
        expect(await answer(method, path, headers)).toEqual({
          status: 401,
          code: 'UNAUTHENTICATED',
        })
    })
  },
)
