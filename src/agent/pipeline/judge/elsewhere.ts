const scopesNamed = 5

/** A reason beside an alert: other namespaces or workloads whose profile of the image has the behaviour. */
export function elsewhereText(scopes: readonly string[]): string {
  const names = scopes.slice(0, scopesNamed).map((scope) => `\`${scope}\``)
  const more = scopes.length > scopesNamed ? ` and ${scopes.length - scopesNamed} more` : ''
  return `profiles of the same image expect it in ${names.join(', ')}${more}; this one does not`
}
