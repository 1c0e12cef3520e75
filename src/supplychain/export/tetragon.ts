import { stringify } from 'yaml'
import { appOf, type Exportable, type Exported, nameOf } from './allowed.ts'
import { blockOf, egressOf, isAddress } from './network.ts'
import { programs } from './paths.ts'

/** Tetragon reports events that a TracingPolicy selects: here, programs and peers that are not in the profile. */
export function tetragon({ image, allowed }: Exportable): Exported {
  const app = appOf(image)
  const values = programs(allowed).map(({ path }) => path)
  const egress = egressOf(allowed)
  const blocks = [
    ...new Set(egress.filter(({ peer }) => isAddress(peer)).map(({ peer }) => blockOf(peer))),
  ]
  const named = [...new Set(egress.filter(({ peer }) => !isAddress(peer)).map(({ peer }) => peer))]
  const policy = {
    apiVersion: 'cilium.io/v1alpha1',
    kind: 'TracingPolicy',
    metadata: { name: nameOf(image) },
    spec: {
      podSelector: { matchLabels: { app } },
      kprobes: [
        {
          call: 'security_bprm_check',
          syscall: false,
          args: [{ index: 0, type: 'linux_binprm' }],
          selectors: [
            {
              matchArgs: [{ index: 0, operator: 'NotEqual', values }],
              matchActions: [{ action: 'Post' }],
            },
          ],
        },
        // The addresses of a named peer cannot be listed in advance: Tetragon would report every connection.
        ...(named.length > 0
          ? []
          : [
              {
                call: 'tcp_connect',
                syscall: false,
                args: [{ index: 0, type: 'sock' }],
                selectors: [
                  {
                    ...(blocks.length === 0
                      ? {}
                      : {
                          matchArgs: [
                            { index: 0, operator: 'NotDAddr', values: ['127.0.0.0/8', ...blocks] },
                          ],
                        }),
                    matchActions: [{ action: 'Post' }],
                  },
                ],
              },
            ]),
      ],
    },
  }
  return {
    text: stringify(policy),
    notes: [
      `the policy selects pods by the label \`app: ${app}\`: change it to your label`,
      'the policy only reports: replace `Post` by `Sigkill` to kill the process',
      'the policy covers no files, users or acting programs',
      ...(named.length === 0
        ? []
        : [`the policy covers no connections, because ${named.join(', ')} is known by name only`]),
    ],
  }
}
