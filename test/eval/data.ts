import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** Names and content as clients bring them: ever others, of the kinds that services have to do with. */
export function dataName(): string {
  const day = String(randomInt(1, 29)).padStart(2, '0')
  const names = [
    `item-${randomInt(1, 1_000_000)}`,
    `img_${randomBytes(8).toString('hex')}`,
    randomUUID(),
    `report-2026-${String(randomInt(1, 13)).padStart(2, '0')}-${day}`,
  ]
  return names[randomInt(names.length)] ?? ''
}

export function dataNames(count: number): readonly string[] {
  return Array.from({ length: count }, dataName)
}

export function content(bytes: number): Buffer {
  return randomBytes(bytes)
}
