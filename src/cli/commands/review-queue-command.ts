import type { Command } from 'commander'
import type { CardBehaviour, ReviewCard, ReviewPage } from '../../api/review-cards.ts'
import { behavioursOf, cardNamed } from '../card-client.ts'
import type { CliContext } from '../cli-context.ts'
import { parseCount } from '../input/option-values.ts'
import { paint } from '../output/terminal-text.ts'
import { type TableStyle, textFields } from '../output/text-table.ts'
import { shortDigest } from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

interface ReviewOptions {
  readonly card?: string
  readonly image?: string
  readonly text?: string
  readonly limit: number
}

const shortId = 10

/** `snug profile review`: what waits for a person, as the page's cards. */
export function reviewQueueCommand(profile: Command, context: CliContext): void {
  profile
    .command('review')
    .description(
      'lists what waits for a decision in all images. A card is a cause, a new program or an exec session',
    )
    .option('--image <repository>', 'only behaviours of this repository')
    .option('--text <words>', 'only cards that contain this text')
    .option('--card <id>', 'only this card, with all of its behaviours and their ids')
    .option('--limit <count>', 'maximum number of cards', parseCount, 20)
    .action(async ({ card, image, text, limit }: ReviewOptions) => {
      const { client } = context
      if (card !== undefined) {
        const found = await cardNamed(client, card)
        const rows = await behavioursOf(client, found)
        return context.print({ ...found, samples: rows }, rows, () =>
          cardText(found, rows, 1, context.io),
        )
      }
      const query = new URLSearchParams({ limit: String(limit) })
      if (image !== undefined) query.set('repository', image)
      if (text !== undefined) query.set('q', text)
      const page = await client.get<ReviewPage>(`/v1/review?${query.toString()}`)
      await context.print(page, page.cards, () => reviewText(page, context.io))
    })
}

function reviewText(page: ReviewPage, style: TableStyle): string {
  const { total, cards, behaviours, versions } = page
  if (total === 0 && versions.length === 0) return 'nothing waits for a decision\n'
  const more = total - cards.length
  return [
    ...cards.map((card, at) => cardText(card, card.samples, at + 1, style)),
    ...(more > 0
      ? [`${more} more cards, ${behaviours} behaviours in all: \`--limit ${total}\` shows all\n`]
      : []),
    ...versions.map(
      ({ ref, because, sentence }) =>
        `${safeText(shortRef(ref))} waits for a decision on the whole version: ${safeText(because)}\n  ${safeText(sentence)}\n  snug profile approve ${safeText(shortRef(ref))}\n`,
    ),
  ].join('\n')
}

/** `shown`: the behaviours to show, which are a part of the card's. */
function cardText(
  card: ReviewCard,
  shown: readonly CardBehaviour[],
  number: number,
  { colour }: TableStyle,
): string {
  const { id, actor, user, text, repository, guardrails, reasons, nearest, elsewhere, explained } =
    card
  const title = `${number}  ${actor} (${user})  ${text}`
  const tags = card.places.map(({ tags: names, ref: place }) => names[0] ?? shortRef(place))
  const isHeld = card.places.some(({ behaviourState }) => behaviourState === 'quarantined')
  const quarantined = isHeld ? ' --quarantined' : ''
  return `${paint(safeText(title), colour ? 'bold' : undefined)}\n${textFields([
    ['   image', `${repository}: ${tags.join(', ')}`],
    ...(card.behaviours === 1 ? [] : [['   behaviours', behaviourLines(card, shown)] as const]),
    ...(card.proposed === undefined ? [] : [['   all fit', card.proposed] as const]),
    ['   where from', card.origins.join(', ')],
    [
      '   seen',
      `${card.count} times in ${card.containers} containers, ${card.firstSeen} to ${card.lastSeen}`,
    ],
    ...(guardrails.length === 0 ? [] : [['   guardrails', guardrails.join(', ')] as const]),
    ...(reasons.length === 0 ? [] : [['   why', reasons] as const]),
    ...(nearest === undefined ? [] : [['   nearest', nearest] as const]),
    ...(elsewhere === undefined ? [] : [['   elsewhere', elsewhereLine(elsewhere)] as const]),
    ['   explained', explained ?? 'by nothing that the image brings'],
    [
      '   decide',
      [
        `snug profile approve ${repository} --card ${id}${quarantined}`,
        `snug profile reject ${repository} --card ${id}`,
      ],
    ],
  ])}`
}

function elsewhereLine(scopes: readonly string[]): string {
  return `expected in ${scopes.join(', ')}`
}

function behaviourLines(card: ReviewCard, shown: readonly CardBehaviour[]): readonly string[] {
  const left = card.behaviours - shown.length
  const lines = shown.map(({ id, actor, text }) =>
    // Of a card with several programs each line needs its own.
    [id.slice(0, shortId), ...(actor === card.actor ? [] : [`${actor}:`]), text].join(' '),
  )
  const more = `and ${left} more: \`snug profile review --card ${card.id}\` shows all`
  return left > 0 ? [...lines, more] : lines
}

/** Good as an IMAGE, and short. */
function shortRef(ref: string): string {
  const [repository = '', digest] = ref.split('@')
  return digest === undefined ? repository : `${repository}@${shortDigest(digest)}`
}
