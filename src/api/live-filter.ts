import { lineageName } from '../core/event/image-key.ts'
import type { Alert } from '../core/event/alert.ts'
import type { ContainerRef, ImageRef, SnugEvent } from '../core/event/event.ts'
import type { LiveQuery } from './engine.ts'
import type { LiveAsk } from './live-log.ts'
import type { StateNews } from './status-views.ts'

type Reported = SnugEvent | Alert | StateNews

/** The requested part of a live stream, and its first position. */
export function liveAsk({ from, ...query }: LiveQuery): LiveAsk<Reported> {
  return { ...(from === undefined ? {} : { from }), wants: liveFilter(query) }
}

/** By name and not by known version: a reader may wait for an image that does not run yet. */
function liveFilter({ topics, image, container }: LiveQuery): LiveAsk<Reported>['wants'] {
  return (item, topic) => {
    if (topics !== undefined && !topics.includes(topic)) return false
    if (container !== undefined && !isOf(containerOf(item), container)) return false
    return image === undefined || isNamed(imageOf(item), image)
  }
}

function containerOf(item: Reported): ContainerRef | undefined {
  return 'container' in item ? item.container : undefined
}

function imageOf(item: Reported): ImageRef | undefined {
  return 'image' in item ? item.image : undefined
}

function isOf(container: ContainerRef | undefined, wanted: string): boolean {
  return container !== undefined && (container.id.startsWith(wanted) || container.name === wanted)
}

function isNamed(image: ImageRef | undefined, wanted: string): boolean {
  if (image === undefined) return false
  const { repository, tag = '', digest } = image
  return [repository, lineageName(image)].some(
    (name) =>
      wanted === name || wanted === `${name}:${tag}` || `${name}@${digest}`.startsWith(wanted),
  )
}
