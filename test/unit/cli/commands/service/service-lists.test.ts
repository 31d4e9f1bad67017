import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/object/service-spec';
import { withChanges, withLists, type AddedLists, type ChangedLists } from '#cli/commands/service/service-lists';

const base: ServiceSpec = {
  Name: 'web',
  Labels: { a: '1', b: '2' },
  TaskTemplate: {
    ContainerSpec: {
      Image: 'x',
      Env: ['A=1', 'B=2'],
      Mounts: [{ Type: 'volume', Source: 'v', Target: '/v' }],
      Secrets: [{ SecretID: 'i1', SecretName: 's1', File: { Name: 's1', UID: '0', GID: '0', Mode: 0o444 } }],
      CapabilityDrop: ['CAP_NET_ADMIN', 'CAP_KILL'],
    },
    Networks: [{ Target: 'n1' }, { Target: 'n2' }],
    Placement: { Constraints: ['node.role==worker'] },
  },
  EndpointSpec: { Mode: 'vip', Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
};

const created = (flags: AddedLists, environment = {}) => withLists({ Name: 'web', TaskTemplate: {} }, flags, environment);
const update = (flags: ChangedLists) => withChanges(base, flags, {});

test('nothing asked changes nothing', () => expect(update({})).toEqual(base));

test('what create is given becomes the API’s fields', () => {
  const spec = created(
    {
      env: ['A=1', 'SHELL', 'NONE'],
      publish: ['8080:80', '8081:80', '9000-9001:90-91/udp', 'published=53,target=53,protocol=udp,mode=host'],
      mount: [
        'type=bind,src=/a,dst=/b,ro,bind-propagation=rslave',
        'type=volume,target=/c,volume-driver=local,volume-opt=o=x,volume-label=l=1',
        'type=tmpfs,target=/t,tmpfs-size=1M',
      ],
      secret: ['source=key,target=k,mode=0400', 'source=key,target=k2'],
      config: ['conf'],
      network: ['n', 'name=m,alias=x,alias=y'],
      host: ['db:10.0.0.1'],
      dns: ['8.8.8.8'],
      dnsSearch: ['lan'],
      capAdd: ['net_admin'],
      capDrop: ['ALL'],
      sysctl: ['a.b=1'],
      ulimit: ['nofile=10:20'],
      group: ['5'],
      genericResource: ['gpu=2'],
      placementPref: ['spread=node.labels.zone'],
    },
    { SHELL: 'sh' },
  );
  const file = { UID: '0', GID: '0' };
  expect(spec.EndpointSpec?.Ports?.map((port) => [port.PublishedPort, port.TargetPort, port.Protocol, port.PublishMode].join(' '))).toEqual([
    '8080 80 tcp ingress',
    '8081 80 tcp ingress',
    '9000 90 udp ingress',
    '9001 91 udp ingress',
    '53 53 udp host',
  ]);
  expect(spec.TaskTemplate.ContainerSpec).toEqual({
    Env: ['A=1', 'SHELL=sh', 'NONE'],
    Mounts: [
      { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
      { Type: 'volume', Target: '/c', VolumeOptions: { Labels: { l: '1' }, DriverConfig: { Name: 'local', Options: { o: 'x' } } } },
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1_048_576 } },
    ],
    Secrets: [
      { SecretName: 'key', File: { Name: 'k', ...file, Mode: 0o400 } },
      { SecretName: 'key', File: { Name: 'k2', ...file, Mode: 0o444 } },
    ],
    Configs: [{ ConfigName: 'conf', File: { Name: '/conf', ...file, Mode: 0o444 } }],
    Hosts: ['10.0.0.1 db'],
    DNSConfig: { Nameservers: ['8.8.8.8'], Search: ['lan'] },
    CapabilityAdd: ['CAP_NET_ADMIN'],
    CapabilityDrop: ['ALL'],
    Sysctls: { 'a.b': '1' },
    Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
    Groups: ['5'],
  });
  expect(spec.TaskTemplate.Networks).toEqual([{ Target: 'n' }, { Target: 'm', Aliases: ['x', 'y'] }]);
  expect(spec.TaskTemplate.Placement?.Preferences).toEqual([{ Spread: { SpreadDescriptor: 'node.labels.zone' } }]);
  expect(spec.TaskTemplate.Resources?.Reservations?.GenericResources).toEqual([{ DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } }]);
});

test('update adds, changes and removes by key', () => {
  const next = update({
    envAdd: ['B=3', 'C=4'],
    envRm: ['A'],
    labelRm: ['a'],
    labelAdd: ['c=3'],
    publishRm: ['80'],
    publishAdd: ['8081:81'],
    mountRm: ['/v'],
    secretRm: ['s1'],
    secretAdd: ['s1'],
    networkRm: ['n1'],
    networkAdd: ['n3'],
    constraintRm: ['node.role==worker'],
    constraintAdd: ['node.role==manager'],
    capAdd: ['NET_ADMIN'],
  });
  expect(next.Labels).toEqual({ b: '2', c: '3' });
  expect(next.EndpointSpec).toEqual({ Mode: 'vip', Ports: [{ Protocol: 'tcp', TargetPort: 81, PublishedPort: 8081, PublishMode: 'ingress' }] });
  expect(next.TaskTemplate.Networks).toEqual([{ Target: 'n2' }, { Target: 'n3' }]);
  expect(next.TaskTemplate.Placement?.Constraints).toEqual(['node.role==manager']);
  expect(next.TaskTemplate.ContainerSpec).toMatchObject({
    Env: ['B=3', 'C=4'],
    Mounts: [],
    Secrets: [{ SecretName: 's1', File: { Name: 's1' } }],
    CapabilityAdd: ['CAP_NET_ADMIN'],
    CapabilityDrop: ['CAP_KILL'],
  });
});

test.each<[AddedLists, string]>([
  [{ publish: ['a:b'] }, '--publish'],
  [{ publish: ['80-82:80-81'] }, 'do not fit'],
  [{ publish: ['1:99999'] }, '99999 is no port'],
  [{ publish: ['published=1,target=2,name=x'] }, 'unexpected key "name"'],
  [{ mount: ['type=bind,source=/a'] }, 'needs a target'],
  [{ mount: ['type=tmpfs,target=/a,volume-nocopy'] }, 'volume-nocopy does not go with type=tmpfs'],
  [{ secret: ['source=a,mode=rw'] }, 'mode is octal'],
  [{ ulimit: ['x'] }, '--ulimit'],
  [{ host: ['db'] }, '--host'],
  [{ capAdd: ['KILL'], capDrop: ['CAP_KILL'] }, 'both name CAP_KILL'],
  [{ genericResource: ['gpu'] }, '--generic-resource'],
])('bad flags %o are refused', (flags, text) => expect(() => created(flags)).toThrow(text));
