import { Runtimes } from '../../core/sight/runtimes.ts'
import type { Config } from '../../support/config/config-schema.ts'
import { NriEngine } from '../../fleet/nri/nri-engine.ts'
import { ContainerdEngine } from '../pipeline/identity/containerd/containerd-engine.ts'
import { DockerEngine } from '../pipeline/identity/docker/docker-engine.ts'
import { PodmanEngine } from '../pipeline/identity/docker/podman-engine.ts'
import type { EngineState, IdentityEngine } from '../pipeline/identity/identity.ts'
import { sightedEngine } from '../pipeline/identity/sighted-engine.ts'
import { scopedEngine } from '../pipeline/identity/scoped-engine.ts'
import { StaticEngine } from '../pipeline/identity/static-engine.ts'
import { UnitEngine, type UnitEngineOptions } from '../pipeline/identity/units/unit-engine.ts'
import type { KubeNode } from '../../fleet/kubernetes/kube-node.ts'
import type { Log } from '../../support/telemetry/log.ts'

/** Who can say what a container is, in the order in which they are asked. */
export function enginesOf(
  config: Config,
  kube: KubeNode | undefined,
  units: Omit<UnitEngineOptions, 'onState'>,
  log: Log,
): readonly IdentityEngine[] {
  const { docker, podman, containerd, static: fixed } = config.engines
  const engines: IdentityEngine[] = []
  const onStateOf = (engine: string) => (state: EngineState) =>
    log.info({ engine, state }, 'an engine changed its state')
  // First, as it knows more of a container than the engine that runs it.
  if (kube !== undefined) {
    const { nri, runtime, deleteHeld: deletes } = config.engines.kubernetes
    const pods = kube.engine({ deletes, onState: onStateOf('kubernetes') })
    engines.push(pods)
    if (nri !== 'none') {
      const { failClosed } = config.block
      const onRefused = (line: object) => log.warn(line, 'refused to let a container start')
      const options = { socket: nri, runtime, pods, failClosed, onRefused }
      engines.push(new NriEngine({ ...options, onState: onStateOf('nri') }))
    }
  }
  if (docker.socket !== 'none') {
    const { socket } = docker
    const isOptional = (): boolean => podmans.sockets.length > 0
    engines.push(new DockerEngine({ socket, isOptional, onState: onStateOf('docker') }))
  }
  const podmans = new PodmanEngine({
    sockets: podman.sockets,
    except: docker.socket,
    before: [...engines],
    onState: onStateOf('podman'),
  })
  if (podman.sockets.length > 0) engines.push(podmans)
  if (containerd.socket !== 'none') {
    engines.push(
      new ContainerdEngine({
        socket: containerd.socket,
        except: [
          ...(docker.socket === 'none' ? [] : ['moby']),
          ...(kube === undefined ? [] : ['k8s.io']),
        ],
        onState: onStateOf('containerd'),
      }),
    )
  }
  if (config.units.length > 0)
    engines.push(new UnitEngine({ ...units, onState: onStateOf('units') }))
  if (fixed.manifest !== undefined) engines.push(new StaticEngine(fixed.manifest))
  const runtimes = new Runtimes(config.engines.runtimes)
  return engines.map((engine) =>
    sightedEngine(scopedEngine(engine, config.profiles.scope), runtimes),
  )
}
