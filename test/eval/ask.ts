/** As a client that comes once: a connection that is kept for the next request would be closed by a reload. */
export function askOnce(url: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers)
  headers.set('connection', 'close')
  return fetch(url, { ...options, headers })
}
