import type { Command } from 'commander'
import { loadAdmission } from '../../ci/admission/load-config.ts'
import type { CliContext } from '../cli-context.ts'

export function admitCommand(program: Command, context: CliContext): void {
  program
    .command('admit')
    .description(
      'runs the admission webhook for Kubernetes in the foreground. It checks the attestations of each pod’s images in their registries. SIGTERM drains it',
    )
    .option('--config <file>', 'YAML, see docs/reference/admission.md', '/etc/snug/admission.yaml')
    .option('--check', 'checks the config file and exits')
    .action(async ({ config, check }: { readonly config: string; readonly check?: true }) => {
      const admission = loadAdmission(config, context.io.env)
      if (check === true) return
      // Here and not above, so that the other commands start without what it loads.
      const { runWebhook } = await import('../../ci/admission/run-webhook.ts')
      await runWebhook(admission, context.io.ended)
    })
}
