import type { IncidentPage } from '../../api/incident-views.ts'
import type { ReviewPage } from '../../api/review-cards.ts'
import type { StatusView } from '../../api/status-views.ts'
import type { LineageView } from '../../api/version-views.ts'
import { AlertsPage } from '../alerts/alerts-page.tsx'
import { useKeys } from '../base/keys.ts'
import { useResource } from '../base/resource.ts'
import { go, place } from '../base/route.ts'
import { ImagePage } from '../image/image-page.tsx'
import { ImagesPage } from '../image/images-page.tsx'
import { IncidentsPage } from '../incidents/incidents-page.tsx'
import { NowPage } from '../now/now-page.tsx'
import { ResponsePage } from '../response/response-page.tsx'
import { AuditPage } from '../review/audit-page.tsx'
import { ReviewPageView } from '../review/review-page.tsx'
import { Help, helpShown } from './help.tsx'
import { SideBar } from './side-bar.tsx'
import { Toasts } from './toasts.tsx'

/** Polling interval for data that the live stream does not carry. */
const lookMs = 5_000

export function App() {
  const status = useResource<StatusView>('/v1/status', lookMs)
  const images = useResource<readonly LineageView[]>('/v1/images', lookMs)
  const review = useResource<ReviewPage>('/v1/review?limit=1', lookMs)
  const incidents = useResource<IncidentPage>('/v1/incidents?state=open&limit=1', lookMs)
  useKeys('Everywhere', [
    { keys: 'g n', does: 'now', run: () => go('#/now') },
    { keys: 'g i', does: 'images', run: () => go('#/images') },
    { keys: 'g r', does: 'review', run: () => go('#/review') },
    { keys: 'g t', does: 'incidents', run: () => go('#/incidents') },
    { keys: 'g a', does: 'alerts', run: () => go('#/alerts') },
    { keys: 'g o', does: 'response', run: () => go('#/response') },
    { keys: 'g l', does: 'audit log', run: () => go('#/audit') },
    { keys: '/', does: 'to the search field', run: focusSearch },
    {
      keys: '?',
      does: 'this help',
      run: () => {
        helpShown.value = true
      },
    },
  ])
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        To the content
      </a>
      <SideBar
        status={status.value}
        counts={{
          review: review.value?.total,
          incidents: incidents.value?.total,
          alerts: status.value?.alerts.open,
        }}
      />
      <main id="main" tabIndex={-1}>
        <View status={status.value} images={images.value} cards={review.value?.total} />
      </main>
      <Toasts />
      <Help />
    </>
  )
}

function View({
  status,
  images,
  cards,
}: {
  readonly status: StatusView | undefined
  readonly images: readonly LineageView[] | undefined
  readonly cards: number | undefined
}) {
  const [name = 'now', a = '', b = '', c = ''] = place.value.parts
  switch (name) {
    case 'images':
      return <ImagesPage images={images} />
    case 'image':
      return <ImagePage key={a} images={images} image={a} tab={b} other={c} />
    case 'review':
      return <ReviewPageView />
    case 'incidents':
      return <IncidentsPage key={a} open={a} />
    case 'alerts':
      return <AlertsPage key={a} open={a} />
    case 'response':
      return <ResponsePage open={a} />
    case 'audit':
      return <AuditPage />
    default:
      return <NowPage status={status} images={images} cards={cards} />
  }
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('input[type=search]')?.focus()
}

/** The hash holds the current view: it is no anchor within the document. */
function skipToMain(event: Event): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('#main')?.focus()
}
