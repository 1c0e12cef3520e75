import { type Turn, talk } from './clients.ts'
import type { LoadName, Place } from './service.ts'
import { prose, stem } from './words.ts'

/** A letter over SMTP. Under load B a server may refuse some of those it is to. */
export async function post(
  at: Place,
  load: LoadName,
  from: string,
  to: readonly string[],
): Promise<void> {
  const receivers: readonly Turn[] = to.map((name) => [
    `RCPT TO:<${name}@example.org>\r\n`,
    load === 'A' ? /^2\d\d /m : /^[25]\d\d /m,
  ])
  await talk(at, 25, [
    ['', /^220 /],
    [`HELO ${load.toLowerCase()}.example.net\r\n`, /^250 /m],
    [`MAIL FROM:<${from}@example.net>\r\n`, /^250 /m],
    ...receivers,
    ['DATA\r\n', /^354 /m],
    [`Subject: ${stem(load)}\r\n\r\n${prose(load)}\r\n.\r\n`, /^250 /m],
    ['QUIT\r\n', /^221 /m],
  ])
}
