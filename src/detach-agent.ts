import type { LoadedConfig } from './support/config/load-config.ts'
import { detachKernelState } from './agent/pipeline/sources/ebpf/sensor-process.ts'

/**
 * Removes the programs and profiles that an agent left in the kernel. Resolves with a sentence for the operator.
 *
 * Errors: `DETACH_REFUSED`, also while an agent runs with it.
 */
export async function detachAgent({ config }: LoadedConfig): Promise<string> {
  const { kernelState, sensor } = config
  if (kernelState === 'none')
    return 'the kernel keeps no state after the agent ends: `kernelState` is `none`'
  return detachKernelState(kernelState, sensor.path)
}
