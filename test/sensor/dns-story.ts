/** What the command `dns 7` of `workload.c` shows: answers with their resolver, and connections to port 443. */
export const dnsStory: readonly string[] = [
  '127.0.0.1: datagram.test is at 10.0.0.7',
  'connect to 10.0.0.7',
  '127.0.0.1: stream.test is at 10.0.0.8',
  'connect to 10.0.0.8',
  '::1: six.test is at 10.0.0.9',
  'connect to 10.0.0.9',
]
