import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { leavePath } from '../serve/routes/session-routes.ts'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export interface PageFile {
  readonly type: string
  readonly body: Buffer<ArrayBuffer>
  readonly tag: string
}

/** The built page, by request path. In memory: without its rights the gateway reads no files. */
export type PageFiles = ReadonlyMap<string, PageFile>

/** Nothing from elsewhere, and no request to elsewhere. */
export const pagePolicy = policyOf({ script: "'self'", style: "'self'" })

/** `folder`: the output of the bundler; without it there is no page. */
export function loadPageFiles(folder: string): PageFiles {
  const files = new Map<string, PageFile>()
  for (const name of namesIn(folder)) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const body = Buffer.from(readFileSync(join(folder, name)))
    const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    files.set(name === 'index.html' ? '/' : `/ui/${name}`, { type, body, tag })
  }
  return files
}

export interface SignInPage {
  readonly html: string
  readonly policy: string
}

/**
 * The sign-in document. It contains everything that it needs, because nothing else is answered without a credential. It
 * holds no data.
 */
export function signInPage(
  files: PageFiles,
): (state: { readonly redirects: boolean; readonly problem: string }) => SignInPage {
  const document = files.get('/ui/sign-in.html')?.body.toString('utf8') ?? plainSignIn
  const script = files.get('/ui/sign-in.js')?.body.toString('utf8') ?? plainScript
  const style = files.get('/ui/sign-in.css')?.body.toString('utf8') ?? ''
  const icon = files.get('/ui/icon.svg')?.body.toString('base64') ?? ''
  const html = document
    .replace(
      /<script[^>]*src="\/ui\/sign-in\.js"[^>]*><\/script>/,
      () => `<script type="module">${script}</script>`,
    )
    .replace(/<link[^>]*href="\/ui\/sign-in\.css"[^>]*>/, () => `<style>${style}</style>`)
    .replaceAll('/ui/icon.svg', `data:image/svg+xml;base64,${icon}`)
  const policy = policyOf({ script: hashOf(script), style: hashOf(style) })
  return ({ redirects, problem }) => ({
    html: html
      .replace('<!-- redirect -->', redirects ? redirectLink : '')
      .replace('<p id="problem" role="alert"></p>', () => {
        return `<p id="problem" role="alert">${escaped(problem)}</p>`
      }),
    policy,
  })
}

const redirectLink = `<p><a id="redirect" class="primary" href="${leavePath}">Sign in at your issuer</a></p>`

/**
 * Leads on to the page, at `#/…` of it. A redirect would not do: it would still come from the issuer's site, and then
 * browsers do not send a strict cookie.
 */
export function wayBackPage(to: string): SignInPage {
  const url = escaped(`/${to}`)
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Signed in to Snug</title>
<meta http-equiv="refresh" content="0;url=${url}">
<p>Signed in. <a href="${url}">Go on</a></p>
</html>
`
  return { html, policy: policyOf({ script: "'none'", style: "'none'" }) }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

function policyOf({ script, style }: { readonly script: string; readonly style: string }): string {
  return [
    "default-src 'none'",
    `script-src ${script}`,
    `style-src ${style}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const plainScript = `
const form = document.querySelector('form')
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const body = JSON.stringify({ token: form.token.value.trim() })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch('/v1/session', { method: 'POST', headers, body })
  if (answer.ok) location.reload()
  else form.token.select()
})
`
const plainSignIn = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign in to Snug</title>
<form><label>Token <input name="token" type="password" required></label> <button>Sign in</button></form>
<script type="module" src="/ui/sign-in.js"></script>
</html>
`
