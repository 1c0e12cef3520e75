import { afterAll, beforeAll } from 'vitest'
import { buildImage, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

export interface OneSensor {
  readonly recorder: Recorder
  /** Root file system of the containers. */
  readonly image: string
}

/** One sensor and one image for all tests of a file: both exist while its tests run. */
export function oneSensor(): OneSensor {
  let recorder: Recorder | undefined
  let image: string | undefined

  beforeAll(async () => {
    image = buildImage()
    recorder = new Recorder()
    await recorder.running()
  })
  afterAll(async () => {
    await recorder?.stop()
    if (image !== undefined) removeTree(image)
  })
  return {
    get recorder() {
      if (recorder === undefined) throw new Error('the sensor runs within tests only')
      return recorder
    },
    get image() {
      if (image === undefined) throw new Error('the image is there within tests only')
      return image
    },
  }
}
