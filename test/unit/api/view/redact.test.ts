import { expect, test } from 'vitest';
import { shown, withoutPassword } from '#api/view/redact';
import type { Network } from '#model/network';
import type { Node } from '#model/node';
import type { Service } from '#model/service';
import type { Task } from '#model/task';

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

test('a task shows its networks in their nested form', () => {
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
    NetworksAttachments: [{ Network: network, Addresses: ['10.0.1.5/24'] }],
  } as unknown as Task;
  const result = shown('task', task) as Task;
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
  ['https://user:secret@host/x.git', 'https://user:***@host/x.git'],
  ['https://user@host/x.git', 'https://user@host/x.git'],
  ['ssh://git@host:22/x.git', 'ssh://git@host:22/x.git'],
  ['git@host:x.git', 'git@host:x.git'],
  ['/srv/a:b@c', '/srv/a:b@c'],
  ['https://host/a@b:c', 'https://host/a@b:c'],
])('%s is shown as %s', (url, expected) => expect(withoutPassword(url)).toBe(expected));
