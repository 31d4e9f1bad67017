import { expect, test } from 'vitest';
import { shown, shownTask } from '#api/view/redact';
import { nestedNetwork } from '#api/view/network';
import type { Network } from '#model/object/network';
import type { Node } from '#model/object/node';
import type { Repository } from '#model/object/repository';
import type { Service } from '#model/object/service';
import { taskNetwork, type Task } from '#model/object/task';
import { storeOf } from '#test/support/cluster-objects';

const meta = { ID: 'id', Version: { Index: 3 }, CreatedAt: 'c', UpdatedAt: 'u' };

test('a service shows its spec and extensions, never its memory', () => {
  const service: Service = {
    ...meta,
    Spec: { Name: 'web', TaskTemplate: {}, Shoal: { DependsOn: [] } },
    PreviousSpec: { Name: 'web', TaskTemplate: {} },
    Shoal: { SpecVersion: 1, RegistryAuth: 'canary', Rollout: { SpecVersion: 1, Total: 1, Slots: {} } },
  };
  expect(shown('service', service)).toEqual({
    ...meta,
    Spec: { Name: 'web', Labels: {}, TaskTemplate: { ForceUpdate: 0, Runtime: 'container' }, Shoal: { DependsOn: [] } },
    PreviousSpec: { Name: 'web', Labels: {}, TaskTemplate: { ForceUpdate: 0, Runtime: 'container' } },
    Endpoint: { Spec: {} },
  });
});

test.each([
  ['named by the task', true],
  ['gone, of a task of before that holds it whole', false],
])('a task shows its networks in their nested form: %s', (_what, stored) => {
  const network: Network = {
    ...meta,
    ID: 'n1',
    Spec: {
      Name: 'net',
      Driver: 'overlay',
      Options: { encrypted: '' },
      IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.0.1.0/24', IPRange: '10.0.1.0/25', Gateway: '10.0.1.1' }] },
    },
    IPAMOptions: { Configs: [{ Subnet: '10.0.1.0/24' }] },
  };
  const task = {
    ...meta,
    Spec: {},
    ServiceID: 's',
    NodeID: 'n',
    DesiredState: 'running',
    Shoal: { RegistryAuth: 'canary' },
    Status: { Timestamp: 't', State: 'running', Message: '', Shoal: { AppliedAt: 1 } },
    NetworksAttachments: [{ Network: stored ? taskNetwork(network) : network, Addresses: ['10.0.1.5/24'] }],
  } as unknown as Task;
  expect(shownTask(storeOf({}), { ...task, Status: { ...task.Status, State: 'rejected' } })).toMatchObject({
    Status: { ContainerStatus: { ContainerID: '', PID: 0, ExitCode: 0 } },
  });
  for (const State of ['assigned', 'preparing', 'ready'] as const)
    expect(shownTask(storeOf({}), { ...task, Status: { ...task.Status, State } })).not.toHaveProperty('Status.ContainerStatus');
  const result = shownTask(storeOf(stored ? { network: [network] } : {}), task) as Task;
  expect(JSON.stringify(result)).not.toMatch(/canary|AppliedAt/);
  expect(result.NetworksAttachments).toMatchObject([
    {
      Addresses: ['10.0.1.5/24'],
      Network: {
        ID: 'n1',
        // Go's clients refuse the whole list of tasks when the driver here is a text, as it is in a request.
        Spec: {
          Name: 'net',
          DriverConfiguration: { Name: 'overlay', Options: { encrypted: '' } },
          IPAMOptions: { Driver: { Name: 'default' }, Configs: [{ Subnet: '10.0.1.0/24', Range: '10.0.1.0/25', Gateway: '10.0.1.1' }] },
          Scope: 'swarm',
        },
        IPAMOptions: { Configs: [{ Subnet: '10.0.1.0/24' }] },
      },
    },
  ]);
});

test('a network inside a task says nothing that was set to nothing', () => {
  const Spec = {
    Name: 'net',
    Internal: false,
    Attachable: false,
    EnableIPv6: false,
    Driver: 'overlay',
    Options: {},
    IPAM: { Driver: 'default', Options: {}, Config: [] },
  };
  const network = { ...meta, ID: 'n1', CreatedAt: '2026-01-01T00:00:00Z', UpdatedAt: '2026-01-01T00:00:00Z', Spec } as unknown as Network;
  expect(nestedNetwork(network, '')).toMatchObject({
    Spec: { Name: 'net', Labels: {}, DriverConfiguration: { Name: 'overlay' }, IPAMOptions: { Driver: { Name: 'default' } }, Scope: 'swarm' },
  });
  expect(JSON.stringify(nestedNetwork(network, ''))).not.toMatch(/Internal|Attachable|IPv6|"Options"/);
  expect(nestedNetwork({ ...network, Spec: { ...Spec, Internal: true } }, '')).toMatchObject({ Spec: { Internal: true } });
});

test.each([
  [{ Mode: 'vip' }, ['host'], { Spec: { Mode: 'vip' } }],
  [{}, ['n1'], { Spec: { Mode: 'vip' } }],
  [{ Mode: 'dnsrr' }, ['n1'], { Spec: {} }],
  [{ Mode: 'vip' }, [], { Spec: {} }],
  [undefined, ['host'], { Spec: {} }],
])('an endpoint that was given as %j is told of a service on the networks %j: %j', (EndpointSpec, networks, Endpoint) => {
  const spec = { Name: 'web', TaskTemplate: { Networks: networks.map((Target) => ({ Target })) }, ...(EndpointSpec && { EndpointSpec }) };
  expect(shown('service', { ...meta, Spec: spec, Shoal: { SpecVersion: 1 } } as unknown as Service)).toMatchObject({ Endpoint });
});

test('the first run of a job is told without a number, the second with one', () => {
  const of = (Index: number) => ({
    ...meta,
    Spec: { Name: 'j', TaskTemplate: {} },
    JobStatus: { JobIteration: { Index }, LastExecution: 'l' },
    Shoal: { SpecVersion: 1 },
  });
  expect([0, 1].map((index) => (shown('service', of(index) as Service) as Service).JobStatus)).toEqual([
    { JobIteration: {}, LastExecution: 'l' },
    { JobIteration: { Index: 1 }, LastExecution: 'l' },
  ]);
});

test('a node keeps the subnets of its host to itself', () => {
  const node = {
    ...meta,
    Spec: { Role: 'worker', Availability: 'active' },
    Status: { State: 'ready', Addr: '' },
    Description: { Hostname: 'h', Shoal: { UsedSubnets: ['10.0.0.0/8'] } },
    Shoal: { Gateways: { n1: '10.0.1.1' } },
  } as unknown as Node;
  expect(JSON.stringify(shown('node', node))).not.toMatch(/UsedSubnets|Gateways/);
});

test.each([
  ['https://user:secret@host/x.git', 'https://host/x.git', ['Password', 'Username']],
  ['https://secret@host/x.git', 'https://host/x.git', ['Username']],
  ['https://host/x.git?access_token=secret', 'https://host/x.git', ['Password', 'Username']],
  ['ssh://git@host:22/x.git', 'ssh://git@host:22/x.git', undefined],
  ['ssh://git:secret@host:22/x.git', 'ssh://git@host:22/x.git', undefined],
  ['git@host:x.git', 'git@host:x.git', undefined],
  ['/srv/a:b@c', '/srv/a:b@c', undefined],
  ['https://host/a@b:c', 'https://host/a@b:c', undefined],
])('a repository at %s is shown as %s with %j', (url, URL, Credentials) => {
  const repository = {
    ...meta,
    Spec: { Name: 'r', URL: url, Branch: 'main', Path: '', Interval: 1 },
    Status: { Message: `${url} is away` },
  } as unknown as Repository;
  expect(shown('repository', repository)).toMatchObject({ Spec: { URL, ...(Credentials && { Credentials }) } });
  expect(JSON.stringify(shown('repository', repository))).not.toContain('secret');
});

test('credentials of a repository are named and never shown', () => {
  const vault = { Address: 'https://vault', Namespace: 'n', RoleID: 'role' };
  const Credentials = { Username: 'secret1', Password: 'secret2', SSHKey: 'secret3', KnownHosts: 'secret4', CA: 'secret5' };
  const repository = {
    ...meta,
    Spec: {
      Name: 'r',
      URL: 'https://host/x',
      Branch: 'main',
      Path: '',
      Interval: 1,
      Credentials,
      WebhookSecret: 'secret6',
      Vault: { ...vault, Token: 'secret7', SecretID: 'secret8', CA: 'secret9' },
    },
    Status: {},
  } as unknown as Repository;
  expect(JSON.stringify(shown('repository', repository))).not.toContain('secret');
  expect(shown('repository', repository)).toMatchObject({
    Spec: { Credentials: ['CA', 'KnownHosts', 'Password', 'SSHKey', 'Username'], Vault: { ...vault, Known: ['Token', 'SecretID', 'CA'] } },
  });
});
