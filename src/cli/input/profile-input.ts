import {
  parseProfileDocument,
  type ProfileDocument,
} from '../../supplychain/export/profile-document.ts'
import type { ProfileExport } from '../../api/profile-views.ts'
import { imagePath } from '../../api/image-path.ts'
import type { CliContext } from '../cli-context.ts'
import { readProfileFile } from './json-file.ts'

/** The profile in a file, or the one that the agent has. Errors: SOURCE_UNREADABLE, PROFILE_INVALID, the agent's. */
export async function profileInput(
  { client }: CliContext,
  image: string,
  file: string | undefined,
): Promise<ProfileDocument> {
  if (file !== undefined) return readProfileFile(file)
  const { text } = await client.get<ProfileExport>(imagePath(image, '/export?format=snug'))
  return parseProfileDocument(JSON.parse(text))
}
