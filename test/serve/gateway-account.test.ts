import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gatewayAccount } from '../../src/serve/gateway/gateway-account.ts'

/** Another process of the gateway's user could trace it, and read the tokens that pass through it. */
const nobodyLine = 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'
const allUids = '         0          0 4294967295\n'
/** Beyond the ranges of people, services, containers and dynamic users, as systemd lists them. */
const unused = { from: 1_879_048_192, to: 2_147_483_647 }

describe('the user of the process that serves HTTP', () => {
  it('is not `nobody`, which other services have', () => {
    const { uid, gid } = gatewayAccount(nobodyLine, allUids)
    for (const id of [uid, gid]) {
      expect(id).toBeGreaterThanOrEqual(unused.from)
      expect(id).toBeLessThanOrEqual(unused.to)
    }
  })

  it('is `snug` where the host has such a user, but never root', () => {
    const passwd = (uid: number) => `${nobodyLine}snug:x:${uid}:998::/:/bin/false\n`
    expect(gatewayAccount(passwd(999), allUids)).toEqual({ uid: 999, gid: 998 })
    expect(gatewayAccount(passwd(0), allUids).uid).toBeGreaterThan(unused.from)
  })

  it('is `nobody` in a user namespace without that uid', () => {
    expect(gatewayAccount(nobodyLine, '0 100000 65536\n').uid).toBe(65_534)
  })

  it('is in the image under its name', () => {
    const dockerfile = readFileSync(new URL('../../deploy/Dockerfile', import.meta.url), 'utf8')
    const { uid } = gatewayAccount(nobodyLine, allUids)
    expect(dockerfile).toContain(`echo 'snug:x:${uid}:${uid}:`)
  })
})
