const codes = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const
export type Colour = keyof typeof codes

export function paint(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : `\u001b[${codes[colour]}m${text}\u001b[0m`
}
