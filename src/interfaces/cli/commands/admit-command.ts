import type { Command } from 'commander'
import { loadAdmission } from '../../../supplychain/admission/load-config.ts'
import type { CliContext } from '../cli-context.ts'

export function admitCommand(program: Command, context: CliContext): void {
  program
    .command('admit')
    .description(
      'runs the admission webhook in the foreground: the API server of Kubernetes asks it about each pod, and it asks registries for what is attached to the pod’s images; SIGTERM drains it',
    )
    .option('--config <file>', 'YAML, see docs/reference/admission.md', '/etc/snug/admission.yaml')
    .option('--check', 'only says whether the file is right')
    .action(async ({ config, check }: { readonly config: string; readonly check?: true }) => {
      const admission = loadAdmission(config)
      if (check === true) return
      // Here and not above, so that the other commands start without what it loads.
      const { runWebhook } = await import('../../../supplychain/admission/run-webhook.ts')
      await runWebhook(admission, context.io.ended)
    })
}
