import type { Command } from 'commander'
import type { ReviewCard, ReviewPage } from '../../../engine/api/page-views.ts'
import type { CliContext } from '../cli-context.ts'
import { parseCount } from '../input/option-values.ts'
import { paint, safeText } from '../output/terminal-text.ts'
import { type TableStyle, textFields } from '../output/text-table.ts'
import { shortDigest } from '../output/view-text.ts'

interface ReviewOptions {
  readonly image?: string
  readonly text?: string
  readonly limit: number
}

const shortId = 10

/** `snug profile review`: what waits for a person, as the page's cards. */
export function reviewQueueCommand(profile: Command, context: CliContext): void {
  profile
    .command('review')
    .description('lists behaviours of all images that wait for a decision, one card for each')
    .option('--image <repository>', 'only behaviours of this repository')
    .option('--text <words>', 'only cards that contain this text')
    .option('--limit <count>', 'maximum number of cards', parseCount, 20)
    .action(async ({ image, text, limit }: ReviewOptions) => {
      const query = new URLSearchParams({ limit: String(limit) })
      if (image !== undefined) query.set('repository', image)
      if (text !== undefined) query.set('q', text)
      const page = await context.client.get<ReviewPage>(`/v1/review?${query.toString()}`)
      await context.print(page, page.cards, () => reviewText(page, context.io))
    })
}

function reviewText({ total, cards, versions }: ReviewPage, style: TableStyle): string {
  if (total === 0 && versions.length === 0) return 'nothing waits for a decision\n'
  const more = total - cards.length
  return [
    ...cards.map((card, at) => cardText(card, at + 1, style)),
    ...(more > 0 ? [`${more} more: \`--limit ${total}\` shows all\n`] : []),
    ...versions.map(
      ({ ref, because, sentence }) =>
        `${safeText(shortRef(ref))} waits for a decision on the whole version: ${safeText(because)}\n  ${safeText(sentence)}\n  snug profile approve ${safeText(shortRef(ref))}\n`,
    ),
  ].join('\n')
}

function cardText(card: ReviewCard, number: number, { colour }: TableStyle): string {
  const { actor, user, text, repository, behaviour, guardrails, reasons, nearest, explained } = card
  const title = `${number}  ${actor} (${user})  ${text}`
  const id = behaviour.slice(0, shortId)
  const ref = shortRef(card.places[0]?.ref ?? repository)
  const tags = card.places.map(({ tags: names, ref: place }) => names[0] ?? shortRef(place))
  return `${paint(safeText(title), colour ? 'bold' : undefined)}\n${textFields([
    ['   image', `${repository}: ${tags.join(', ')}`],
    ['   where from', card.origins.join(', ')],
    [
      '   seen',
      `${card.count} times in ${card.containers} containers, ${card.firstSeen} to ${card.lastSeen}`,
    ],
    ...(guardrails.length === 0 ? [] : [['   guardrails', guardrails.join(', ')] as const]),
    ...(reasons.length === 0 ? [] : [['   why', reasons] as const]),
    ...(nearest === undefined ? [] : [['   nearest', nearest] as const]),
    ['   explained', explained ?? 'by nothing that the image brings'],
    [
      '   decide',
      [
        `snug profile approve ${ref} --behaviour ${id}${guardrails.length === 0 ? '' : ' --quarantined'}`,
        `snug profile reject ${ref} --behaviour ${id}`,
      ],
    ],
  ])}`
}

/** Good as an IMAGE, and short. */
function shortRef(ref: string): string {
  const [repository = '', digest] = ref.split('@')
  return digest === undefined ? repository : `${repository}@${shortDigest(digest)}`
}
