// ASCII alone: letters of other scripts are none of these. All take a code unit, or NaN beyond the end.

export function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

export function isUpper(c: number): boolean {
  return c >= 65 && c <= 90
}

export function isLower(c: number): boolean {
  return c >= 97 && c <= 122
}

export function isLetter(c: number): boolean {
  return isUpper(c) || isLower(c)
}

export function isAlphanumeric(c: number): boolean {
  return isDigit(c) || isLetter(c)
}
