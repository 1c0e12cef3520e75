import { once } from 'node:events'
import type { AdmissionConfig } from './policy-schema.ts'
import { describeError } from '../../errors.ts'
import { readWatched, WatchedFiles } from '../../support/net/watched-files.ts'
import { trustedSigners } from '../../supplychain/attest/trusted-signers.ts'
import { createLog, type Log } from '../../support/telemetry/log.ts'
import { Admission } from './admission.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { ImageRegistry } from './image-registry.ts'
import { Webhook, type WebhookTls } from './webhook.ts'

/**
 * Runs the admission webhook until the signal fires.
 *
 * Errors: KEY_INVALID, TRUST_ROOT_INVALID, ADMISSION_INVALID for an invalid certificate, LISTEN_FAILED
 */
export async function runWebhook(config: AdmissionConfig, ended: AbortSignal): Promise<void> {
  const log = createLog(config.log.level)
  const metrics = new AdmissionMetrics()
  const { policy, trust, times, kept, tls, consoleNamespaces } = config
  const signers = await trustedSigners(trust.keys, trust.keyless)
  const registry = new ImageRegistry({ signers, plainHttp: trust.plainHttp, images: policy.images })
  const onLook = metrics.looked.bind(metrics)
  const admission = new Admission({ policy, registry, times, most: kept, onLook })
  const files = new WatchedFiles(tlsPaths(config))
  const webhook = new Webhook({
    listen: config.listen,
    tls: tlsNow(config),
    ...(tls.clients.length === 0 ? {} : { clients: tls.clients }),
    decide: (review) => admission.decide(review),
    consoleNamespaces,
    metrics,
    log,
  })
  await webhook.start()
  files.watch(() => renew(webhook, config, log))
  const { address, port } = webhook.address
  log.info({ address, port, consoleNamespaces }, 'the webhook serves')
  if (!ended.aborted) await once(ended, 'abort')
  files.close()
  await webhook.close()
}

function renew(webhook: Webhook, config: AdmissionConfig, log: Log): void {
  try {
    webhook.renew(tlsNow(config))
    log.info('a changed certificate was loaded')
  } catch (error) {
    // The previous pair stays in use: the other half of the new one may not be written yet.
    log.warn({ because: describeError(error) }, 'a changed certificate was rejected')
  }
}

function tlsPaths({ tls }: AdmissionConfig): readonly string[] {
  const bundles = tls.trustDomains.map(({ bundle }) => bundle)
  return [tls.cert, tls.key, tls.clientCa, ...bundles].filter((path) => path !== undefined)
}

function tlsNow({ tls: { cert, key, clientCa, trustDomains } }: AdmissionConfig): WebhookTls {
  const read = (path: string): string => readWatched(path, 'ADMISSION_INVALID')
  return {
    cert: read(cert),
    key: read(key),
    ...(clientCa === undefined ? {} : { ca: read(clientCa) }),
    ...(trustDomains.length === 0
      ? {}
      : { trustDomains: trustDomains.map(({ name, bundle }) => ({ name, bundle: read(bundle) })) }),
  }
}
