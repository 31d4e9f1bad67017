import { expect, test } from 'vitest';
import { prettyService } from '#cli/output/service-pretty';
import type { Service } from '#model/object/service';

test('a service in the words that docker has for it', () => {
  const service: Service = {
    ID: 'id1',
    Version: { Index: 1 },
    CreatedAt: '',
    UpdatedAt: '',
    Spec: {
      Name: 'web',
      Labels: { a: 'b' },
      TaskTemplate: {
        ContainerSpec: {
          Image: 'docker.io/library/web:1',
          Args: ['a', 'b'],
          Secrets: [{ SecretName: 's', File: { Name: 'f', UID: '0', GID: '0', Mode: 0o444 } }],
        },
        Placement: { Constraints: ['node.role==worker'] },
        Resources: { Limits: { NanoCPUs: 5e8, MemoryBytes: 67_108_864 } },
        Networks: [{ Target: 'n1' }],
      },
      Mode: { Replicated: { Replicas: 2 } },
      UpdateConfig: { Parallelism: 1, Delay: 3e9, FailureAction: 'pause', Monitor: 5e9, MaxFailureRatio: 0, Order: 'stop-first' },
    },
    Endpoint: { Spec: { Mode: 'vip' }, Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
    UpdateStatus: { State: 'completed', StartedAt: '2026-01-01T00:00:00Z', CompletedAt: '2026-01-01T00:01:00Z', Message: 'update completed' },
    Shoal: { SpecVersion: 1 },
  } as Service;
  const lines = prettyService(service, (id) => `net-${id}`, Date.parse('2026-01-01T00:02:00Z'));
  expect(lines.join('\n')).toBe(`
ID:\t\tid1
Name:\t\tweb
Labels:
 a=b
Service Mode:\tReplicated
 Replicas:\t2
UpdateStatus:
 State:\t\tcompleted
 Started:\t2 minutes ago
 Completed:\tabout a minute ago
 Message:\tupdate completed
Placement:
 Constraints:\t[node.role==worker]
UpdateConfig:
 Parallelism:\t1
 Delay:\t\t3s
 On failure:\tpause
 Monitoring Period: 5s
 Max failure ratio: 0
 Update order:      stop-first
ContainerSpec:
 Image:\t\tweb:1
 Args:\t\ta b${' '}
 Init:\t\tfalse
Secrets:
 Target:\tf
  Source:\ts
Resources:
 Limits:
  CPU:\t\t0.5
  Memory:\t64MiB
Networks: net-n1${' '}
Endpoint Mode:\tvip
Ports:
 PublishedPort = 8080
  Protocol = tcp
  TargetPort = 80
  PublishMode = ingress
`);
});
