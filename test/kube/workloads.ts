/** What runs in the test's namespace. Every container of it gives way at once when it is asked to. */
export const namespace = 'shop'

const quick = { terminationGracePeriodSeconds: 1 }

const metadata = (name: string): object => ({ name, namespace })

/** A web server with an init container, a probe of two kinds and a hook, as a Deployment behind a Service. */
export function webDeployment(version: number): readonly object[] {
  const selector = { app: 'web' }
  const image = `localhost/web:${version}`
  const exec = (...command: string[]): object => ({ exec: { command } })
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('web'),
      spec: {
        replicas: 2,
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: selector },
          spec: {
            ...quick,
            initContainers: [
              {
                name: 'prepare',
                image: 'localhost/tool:1',
                command: ['touch', '/work/ready'],
                volumeMounts: [{ name: 'work', mountPath: '/work' }],
              },
            ],
            containers: [
              {
                name: 'web',
                image,
                ports: [{ containerPort: 8080 }],
                livenessProbe: { ...exec('test', '-f', '/www/alive'), periodSeconds: 2 },
                readinessProbe: { ...exec('/bin/sh', '-c', 'test -d /www'), periodSeconds: 2 },
                lifecycle: { postStart: exec('touch', '/tmp/started') },
                volumeMounts: [{ name: 'work', mountPath: '/work' }],
              },
            ],
            volumes: [{ name: 'work', emptyDir: {} }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { selector, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]
}

/** `apiVersion`: servers before 1.21 have `batch/v1beta1` only, those since 1.25 `batch/v1` only. */
export function cronJob(apiVersion: string): object {
  const template = {
    spec: {
      ...quick,
      restartPolicy: 'Never',
      containers: [{ name: 'tick', image: 'localhost/tool:1', command: ['cat', '/etc/motd'] }],
    },
  }
  return {
    apiVersion,
    kind: 'CronJob',
    metadata: metadata('tick'),
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template } } },
  }
}

/** A pod that does nothing but wait, for commands to be run in it. */
export function waitingPod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name),
    spec: {
      ...quick,
      containers: [{ name: 'main', image: 'localhost/tool:1', command: ['sleep', '3600'] }],
    },
  }
}
