import type Docker from 'dockerode'
import { uniqueName } from '../../fixtures/agent.ts'
import type { EvalService } from '../service.ts'
import { cron } from './cron.ts'
import { gunicorn, numberedApp } from './gunicorn.ts'
import { mosquitto } from './mosquitto.ts'
import { nginx } from './nginx.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import { tomcat } from './tomcat.ts'

const makers = {
  nginx,
  redis,
  postgres,
  gunicorn,
  tomcat,
  mosquitto,
  cron,
  app: numberedApp,
} as const

export type ServiceName = keyof typeof makers

/** Of `app` there is only an intruder. */
export const serviceNames: readonly ServiceName[] = (Object.keys(makers) as ServiceName[]).filter(
  (name) => name !== 'app',
)

/** Makes the images of these services. */
export async function makeServices(
  docker: Docker,
  names: readonly ServiceName[],
): Promise<ReadonlyMap<ServiceName, EvalService>> {
  const made = new Map<ServiceName, EvalService>()
  for (const name of names)
    made.set(name, await makers[name](docker, `${uniqueName(`eval-${name}`)}:1`))
  return made
}
