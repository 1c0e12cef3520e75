import type { OutboundRecord } from '../../../../core/event/outbound-record.ts'
import { noticeLines } from '../format/notice.ts'
import { answerLine, HttpPoster, type PostTarget } from './http-post.ts'
import type { Sink } from './sink.ts'

/** Alerts of one message: the receivers limit messages in size and in number. */
const alertsOfMessage = 5

/** An incoming webhook of Slack, and of what takes the same message (Mattermost, Rocket.Chat). */
export function slackSink(name: string, target: PostTarget): Sink {
  return chatSink(name, target, (records) => ({
    text: records.map((record) => slackText(noticeLines(record).join('\n'))).join('\n\n'),
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
  }))
}

/** A webhook of Microsoft Teams (Workflows): an adaptive card. Its text is no markup. */
export function teamsSink(name: string, target: PostTarget): Sink {
  return chatSink(name, target, (records) => ({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          msteams: { width: 'Full' },
          body: records.flatMap((record) => {
            const [title = '', ...lines] = noticeLines(record)
            return [title, ...lines].map((text) => ({
              type: 'RichTextBlock',
              separator: text === title,
              inlines: [{ type: 'TextRun', text, ...(text === title ? { weight: 'Bolder' } : {}) }],
            }))
          }),
        },
      },
    ],
  }))
}

function chatSink(
  name: string,
  target: PostTarget,
  message: (records: readonly OutboundRecord[]) => object,
): Sink {
  const poster = new HttpPoster(target)
  return {
    name,
    most: alertsOfMessage,
    write: async (records) => {
      let answer = 'nothing was sent'
      for (let at = 0; at < records.length; at += alertsOfMessage) {
        const body = JSON.stringify(message(records.slice(at, at + alertsOfMessage)))
        const found = await poster.post(Buffer.from(body), { 'content-type': 'application/json' })
        answer = answerLine(found)
      }
      return answer
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

/** Its control characters, with which a text could name channels and people, and disguise links. */
function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
