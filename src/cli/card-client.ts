import { SnugError } from '../errors.ts'
import type {
  CardBehaviour,
  CardBehaviourPage,
  CardPlace,
  ReviewCard,
  ReviewPage,
} from '../api/review-cards.ts'
import type { CardDecision, CardDecisionResult } from '../api/review-views.ts'
import type { LineageView } from '../api/version-views.ts'
import { type AgentClient } from './agent-client.ts'
import { imagePath } from '../api/image-path.ts'

const rowsAtOnce = 500

/** The card with this id, which stands for exactly its behaviours. Errors: CARD_UNKNOWN. */
export async function cardNamed(client: AgentClient, id: string): Promise<ReviewCard> {
  const query = new URLSearchParams({ card: id })
  const { cards } = await client.get<ReviewPage>(`/v1/review?${query.toString()}`)
  const [card] = cards
  if (card === undefined) throw new SnugError('CARD_UNKNOWN', `no card has the id \`${id}\``)
  return card
}

export async function behavioursOf(
  client: AgentClient,
  { key }: ReviewCard,
): Promise<readonly CardBehaviour[]> {
  const rows: CardBehaviour[] = []
  let total = Infinity
  while (rows.length < total) {
    const path = `/v1/review/${encodeURIComponent(key)}/behaviours`
    const page = await client.get<CardBehaviourPage>(
      `${path}?offset=${rows.length}&limit=${rowsAtOnce}`,
    )
    if (page.rows.length === 0) break
    rows.push(...page.rows)
    total = page.total
  }
  return rows
}

/** Decides on the behaviours of the card in the versions that IMAGE names. */
export async function decideCard(
  client: AgentClient,
  image: string,
  card: ReviewCard,
  decision: Omit<CardDecision, 'places'> & { readonly reason?: string },
): Promise<CardDecisionResult> {
  const { repository, versions } = await client.get<LineageView>(imagePath(image))
  const named = new Set(versions.map((version) => `${repository}@${version.image.digest}`))
  const places = card.places.filter(({ ref }) => named.has(ref)).map(placeOf)
  if (places.length === 0) {
    throw new SnugError('CARD_UNKNOWN', `\`${image}\` has nothing on card \`${card.id}\``)
  }
  return client.send<CardDecisionResult>('POST', '/v1/review/decide', { ...decision, places })
}

function placeOf({ ref, revision, behaviours }: CardPlace): CardDecision['places'][number] {
  return { ref, revision, behaviours }
}
