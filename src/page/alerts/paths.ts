export function alertsPath(id: string, rest = ''): string {
  return `/v1/alerts/${encodeURIComponent(id)}${rest}`
}
