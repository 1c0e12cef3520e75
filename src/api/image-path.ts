/** An IMAGE as one part of a path of the API. */
export function imagePath(ref: string, rest = ''): string {
  return `/v1/images/${encodeURIComponent(ref)}${rest}`
}
