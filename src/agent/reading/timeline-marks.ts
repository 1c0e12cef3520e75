import type { TimelineMark } from '../../api/page-views.ts'
import type { AuditView } from '../../api/review-views.ts'

/** An entry of the audit as a mark on a line of time. */
export function markOf(entry: AuditView): TimelineMark {
  const { time, what, who } = entry
  const image = typeof entry['image'] === 'string' ? { image: entry['image'] } : {}
  return { time, what, who, ...image, text: markText(entry) }
}

function markText(entry: AuditView): string {
  const because = textOf(entry['because']) ?? textOf(entry['reason'])
  const reason = because === undefined ? '' : `: ${because}`
  switch (entry.what) {
    case 'lifecycle':
      return `${stageText(entry['from'])} → ${stageText(entry['to'])}${reason}`
    case 'mode':
      return `mode ${textOf(entry['mode']) ?? ''}${reason}`
    case 'approve':
    case 'reject':
    case 'withdraw':
      return `${entry.what} ${countText(entry['changes'] ?? entry['behaviours'])}${reason}`
    case 'vanished':
      return `let go of ${countText(entry['behaviours'])} that the version never showed`
    default:
      return `${entry.what.replaceAll('-', ' ')}${reason}`
  }
}

function stageText(stage: unknown): string {
  if (typeof stage !== 'object' || stage === null) return ''
  const { state, mode } = stage as { readonly state?: unknown; readonly mode?: unknown }
  return state === 'enforced' ? (textOf(mode) ?? '') : (textOf(state) ?? '')
}

function countText(list: unknown): string {
  const n = Array.isArray(list) ? list.length : 0
  return n === 1 ? '1 behaviour' : `${n} behaviours`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
