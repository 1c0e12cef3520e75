type Labels = Readonly<Record<string, string>>

/**
 * The labels that a tool such as Compose or the kubelet gave to a container. Engines add the labels of the image, which
 * its author wrote: they identify nothing. A tool writes its labels together, over those of the image. So they count
 * where the image lacks one of them. An image that Compose built has some of Compose's, with the same values.
 *
 * @param imageLabels undefined where the engine does not have the image: then no label counts
 */
export function labelsOfTool(
  prefix: string,
  labels: Labels,
  imageLabels: Labels | undefined,
): Labels {
  if (imageLabels === undefined) return {}
  const ofTool = Object.entries(labels).filter(([key]) => key.startsWith(prefix))
  const isOfImage = ([key, value]: readonly [string, string]): boolean => imageLabels[key] === value
  return ofTool.every(isOfImage) ? {} : Object.fromEntries(ofTool)
}
