import { Client, credentials } from '@grpc/grpc-js'
import protobuf from 'protobufjs/light.js'

const root = protobuf.Root.fromJSON({
  nested: {
    ContainerStatusRequest: { fields: { containerId: { type: 'string', id: 1 } } },
    ContainerStatus: { fields: { imageRef: { type: 'string', id: 9 } } },
    ContainerStatusResponse: { fields: { status: { type: 'ContainerStatus', id: 1 } } },
  },
})
const request = root.lookupType('ContainerStatusRequest')
const response = root.lookupType('ContainerStatusResponse')

const answerMs = 5_000
/** Bytes: a status has labels, annotations and mounts. */
const longestAnswer = 16 << 20

/** Questions to the container runtime over the socket that the kubelet uses (CRI `v1`). Errors are those of gRPC. */
export class CriClient {
  readonly #client: Client

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': longestAnswer,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 3_000,
    })
  }

  /** What the kubelet reports as the container's `imageID`. */
  imageRef(containerId: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/runtime.v1.RuntimeService/ContainerStatus',
        (fields: object) => Buffer.from(request.encode(fields).finish()),
        imageRefOf,
        { containerId },
        { deadline: Date.now() + answerMs },
        (error, answer) => {
          if (error !== null) reject(error)
          else if (answer === undefined) reject(new Error('an answer without a message'))
          else resolve(answer)
        },
      )
    })
  }

  close(): void {
    this.#client.close()
  }
}

function imageRefOf(bytes: Buffer): string {
  const { status } = response.toObject(response.decode(bytes), { defaults: true }) as {
    readonly status: { readonly imageRef: string } | null
  }
  return status?.imageRef ?? ''
}
