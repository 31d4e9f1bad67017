import { expect, test } from 'vitest';
import { checkServiceSpec } from '#control/service/service-check';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '#model/object/service-spec';
import { serviceSpec } from '../specs.ts';

function task(change: Partial<TaskSpec>): ServiceSpec {
  return serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app:1' }, ...change } });
}

function container(change: Partial<ContainerSpec>): ServiceSpec {
  return task({ ContainerSpec: { Image: 'app:1', ...change } });
}

const file = { Name: 'f', UID: '0', GID: '0', Mode: 292 };

test.each<[string, ServiceSpec, string]>([
  ['no name', serviceSpec(''), 'meta: name must be provided'],
  ['a dot in the name', serviceSpec('a.b'), 'name must be valid as a DNS name component'],
  ['a long name', serviceSpec('a'.repeat(64)), 'name must be 63 characters or fewer'],
  ['no container', { Name: 'web', TaskTemplate: {} }, 'mismatched Runtime and *Spec fields'],
  ['no image', container({ Image: '' }), 'ContainerSpec: image reference must be provided'],
  [
    'a mac address that is a command',
    container({ Shoal: { MacAddress: '02:42:00:00:00:01 dev lo\nnetns add a' } }),
    'ContainerSpec: "02:42:00:00:00:01 dev lo\\nnetns add a" is not a valid mac address of one host (such as 02:42:ac:11:65:43)',
  ],
  [
    'a mac address of many',
    container({ Shoal: { MacAddress: '03:42:00:00:00:01' } }),
    'ContainerSpec: "03:42:00:00:00:01" is not a valid mac address of one host (such as 02:42:ac:11:65:43)',
  ],
  [
    'a mac address of nobody',
    container({ Shoal: { MacAddress: '00:00:00:00:00:00' } }),
    'ContainerSpec: "00:00:00:00:00:00" is not a valid mac address of one host (such as 02:42:ac:11:65:43)',
  ],
  [
    'a port for what is no address',
    { ...container({}), EndpointSpec: { Ports: [{ Protocol: 'sctp', TargetPort: 80, PublishedPort: 80, Shoal: { HostIP: '} drop' } }] } },
    'EndpointSpec: "} drop" is no address that a port can be published for',
  ],
  ['upper case image', container({ Image: 'App:1' }), 'ContainerSpec: "App:1" is not a valid repository/tag'],
  ['blank in image', container({ Image: 'a b' }), 'ContainerSpec: "a b" is not a valid repository/tag'],
  ['little cpu', task({ Resources: { Limits: { NanoCPUs: 999 } } }), 'invalid cpu value 9.99e-07: Must be at least 0.001'],
  ['little memory', task({ Resources: { Reservations: { MemoryBytes: 1 } } }), 'invalid memory value 1: Must be at least 4MiB'],
  [
    'preferences without end',
    task({ Placement: { Preferences: Array.from({ length: 12_000 }, () => ({ Spread: { SpreadDescriptor: 'node.labels.a' } })) } }),
    'service web: 12000 placement preferences are more than the 16 that a service may have',
  ],
  [
    'constraints without end',
    task({ Placement: { Constraints: Array.from({ length: 129 }, () => 'node.role==worker') } }),
    'service web: 129 placement constraints are more than the 128 that a service may have',
  ],
  [
    'aliases without end',
    task({ Networks: [{ Target: 'n', Aliases: Array.from({ length: 65 }, (_, at) => `a${at}`) }] }),
    'service web: 65 aliases on network n are more than the 64 that there may be',
  ],
  [
    'a long alias',
    task({ Networks: [{ Target: 'n', Aliases: ['a'.repeat(256)] }] }),
    'service web: an alias on network n is longer than the 255 characters of a name',
  ],
  [
    'any ports without end',
    { ...container({}), EndpointSpec: { Ports: Array.from({ length: 1001 }, (_, at) => ({ TargetPort: at + 1 })) } },
    'service web: 1001 published ports without a number of their own are more than the 1000 that a service may have',
  ],
  ['constraint', task({ Placement: { Constraints: ['node.role'] } }), 'constraint expected one operator from ==, !='],
  ['restart delay', task({ RestartPolicy: { Delay: -1 } }), 'TaskSpec: restart-delay cannot be negative'],
  [
    'mount twice',
    container({
      Mounts: [
        { Type: 'tmpfs', Target: '/x' },
        { Type: 'tmpfs', Target: '/x' },
      ],
    }),
    'ContainerSpec: duplicate mount point: /x',
  ],
  ['short interval', container({ Healthcheck: { Interval: 10 } }), 'ContainerSpec: Interval in HealthConfig cannot be less than 1ms'],
  [
    'secret targets',
    container({
      Secrets: [
        { SecretName: 'a', File: file },
        { SecretName: 'b', File: file },
      ],
    }),
    "secret references 'a' and 'b' have a conflicting target: 'f'",
  ],
  [
    'a template of nothing',
    container({ Hostname: '{{.Nope}}' }),
    'expanding hostname failed: template: expansion:1: executing "expansion" at <.Nope>: can\'t evaluate field Nope',
  ],
  [
    'a template that would be at work for hours',
    {
      ...container({ Env: [`A=${'{{range $.Service.Labels}}'.repeat(10)}${'{{end}}'.repeat(10)}`] }),
      Labels: Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`l${at}`, ''])),
    },
    expect.stringContaining('template: more than 20000 steps') as string,
  ],
  ['a broken template', container({ Env: ['A={{.Node.ID'] }), 'expanding env failed: expanding env "A={{.Node.ID": template: expansion:1: unclosed action'],
  [
    'replicas',
    serviceSpec('web', { Mode: { Replicated: { Replicas: -1 } } }),
    'json: cannot unmarshal number -1 into Go struct field Mode.Replicated.Replicas of type uint64',
  ],
  ['job update', serviceSpec('web', { Mode: { GlobalJob: {} }, UpdateConfig: {} }), 'Jobs may not have an update config'],
  ['ratio', serviceSpec('web', { UpdateConfig: { MaxFailureRatio: 1.5 } }), 'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1'],
  [
    'dnsrr ingress',
    serviceSpec('web', { EndpointSpec: { Mode: 'dnsrr', Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] } }),
    "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
  ],
  [
    'port twice',
    serviceSpec('web', {
      EndpointSpec: {
        Ports: [
          { TargetPort: 80, PublishedPort: 80 },
          { TargetPort: 81, PublishedPort: 80, Protocol: 'tcp' },
        ],
      },
    }),
    'EndpointSpec: duplicate published ports provided',
  ],
])('a service with %s is refused', (_what, spec, message) => {
  expect(() => checkServiceSpec(spec)).toThrow(expect.objectContaining({ name: 'Refusal', message }));
});

test.each(['app', 'app:1', 'host:5000/team/app:1.2-x', 'Registry.example.com/app', 'localhost/app', `app:1@sha256:${'a'.repeat(64)}`])(
  'image %s is accepted',
  (image) => {
    expect(() => checkServiceSpec(container({ Image: image }))).not.toThrow();
  },
);

test('the same number for tcp and udp, and unpublished ports, are accepted', () => {
  const Ports = [
    { TargetPort: 53, PublishedPort: 53, Protocol: 'tcp' },
    { TargetPort: 53, PublishedPort: 53, Protocol: 'udp' },
    { TargetPort: 1 },
    { TargetPort: 2 },
  ] as const;
  expect(() => checkServiceSpec(serviceSpec('dns', { EndpointSpec: { Ports } }))).not.toThrow();
});
