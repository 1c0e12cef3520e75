import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { loadRedis } from '../../fixtures/load.ts'
import { askRedis, holedRedisImage } from '../../fixtures/service-images.ts'
import type { EvalService, Place } from '../service.ts'

/** With append-only file, snapshots each second, and the module with a hole that the intruder comes by. */
export async function redis(docker: Docker, image: string): Promise<EvalService> {
  await holedRedisImage(docker, image)
  const options = ['--appendonly', 'yes', '--logfile', '/srv/log/redis.log']
  return {
    name: 'redis',
    kind: 'cache',
    image,
    port: 6379,
    folder: '/srv/log',
    command: ['/usr/bin/redis-server', '/etc/redis/redis.conf', ...options],
    ready: loaded,
    load: async (at, season) => {
      const kinds = season === 'learn' ? 'set,get,incr,lpush' : 'hset,sadd,zadd,mset,rpush,get'
      await loadRedis(at.address, kinds, 20_000)
      await settled(at)
    },
    reload: async (at) => {
      await askRedis(at.address, ['CONFIG', 'SET', 'maxmemory', '200mb'])
    },
    rotate: async (at) => {
      const log = join(at.folder, 'redis.log')
      if (existsSync(log)) renameSync(log, `${log}.${Date.now()}`)
    },
    backup: async (at) => {
      await askRedis(at.address, ['BGREWRITEAOF'])
      await settled(at)
      await askRedis(at.address, ['BGSAVE'])
      await settled(at)
    },
  }
}

/** Until it has read what it saved before a restart. */
async function loaded(at: Place): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await askRedis(at.address, ['PING'])).includes('PONG')) return
    await delay(50)
  }
  throw new Error('redis goes on loading')
}

/** Until no child of it saves or rewrites. */
async function settled(at: Place): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const info = await askRedis(at.address, ['INFO', 'persistence'])
    if (/rdb_bgsave_in_progress:0/.test(info) && /aof_rewrite_in_progress:0/.test(info)) return
    await delay(50)
  }
  throw new Error('redis goes on saving')
}
