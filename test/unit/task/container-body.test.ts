/** From a task's spec to the engine's create request. */
import { describe, expect, test } from 'vitest';
import { macAddress } from '#model/mac-address';
import { containerRequest, endpoints, type BodyContext } from '#task/container-body';
import type { ContainerSpec, TaskSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { makeNetwork, makeTask } from '#test/support/worker';

const context: BodyContext = {
  nodeId: 'node1',
  gateways: [],
  networkName: (id) => `name-of-${id}`,
  filePath: (kind, index) => `/run/files/${kind}-${index}`,
};

interface Body {
  HostConfig: Record<string, unknown>;
  [field: string]: unknown;
}

function bodyOf(spec: ContainerSpec, changes: Partial<Task> = {}, over: Partial<BodyContext> = {}): Body {
  return containerRequest(makeTask('t1', spec, changes), { ...context, ...over }).body as Body;
}

function taskSpec(spec: Partial<TaskSpec>): Partial<Task> {
  return { Spec: { ContainerSpec: { Image: 'test:1' }, ...spec } };
}

describe('plain settings', () => {
  test.each<[keyof ContainerSpec, ContainerSpec, Record<string, unknown>]>([
    ['Command', { Command: ['a'], Args: ['b'] }, { Entrypoint: ['a'], Cmd: ['b'] }],
    ['Hostname', { Hostname: 'h' }, { Hostname: 'h' }],
    ['Env', { Env: ['A=1'] }, { Env: ['A=1'] }],
    ['Dir', { Dir: '/d', User: '5' }, { WorkingDir: '/d', User: '5' }],
    ['StopSignal', { StopSignal: 'SIGINT', StopGracePeriod: 1.5e9 }, { StopSignal: 'SIGINT', StopTimeout: 2 }],
    ['TTY', { TTY: true, OpenStdin: true }, { Tty: true, OpenStdin: true }],
    ['Healthcheck', { Healthcheck: { Test: ['CMD', 'x'], Interval: 1e9 } }, { Healthcheck: { Test: ['CMD', 'x'], Interval: 1e9 } }],
    ['Shoal', { Shoal: { Domainname: 'd' } }, { Domainname: 'd' }],
  ])('%s', (_field, spec, expected) => {
    expect(bodyOf(spec)).toMatchObject(expected);
  });

  test.each<[string, ContainerSpec, Record<string, unknown>]>([
    ['groups, init, root file system', { Groups: ['7'], Init: true, ReadOnly: true }, { GroupAdd: ['7'], Init: true, ReadonlyRootfs: true }],
    ['hosts', { Hosts: ['10.0.0.1 a b', '::1 c'] }, { ExtraHosts: ['a:10.0.0.1', 'b:10.0.0.1', 'c:::1'] }],
    [
      'sysctls and capabilities',
      { Sysctls: { x: '1' }, CapabilityAdd: ['CAP_A'], CapabilityDrop: ['ALL'] },
      { Sysctls: { x: '1' }, CapAdd: ['CAP_A'], CapDrop: ['ALL'] },
    ],
    ['ulimits', { Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }], OomScoreAdj: 5 }, { Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }], OomScoreAdj: 5 }],
    [
      'resolver',
      { DNSConfig: { Nameservers: ['1.1.1.1'], Search: ['s'], Options: ['timeout:1'] } },
      { Dns: ['1.1.1.1'], DnsSearch: ['s'], DnsOptions: ['timeout:1'] },
    ],
    ['isolation', { Isolation: 'default' }, { Isolation: 'default' }],
    [
      'extension',
      { Shoal: { ShmSize: 1, Privileged: true, CPUShares: 2, PidMode: 'host', Runtime: 'r' } },
      { ShmSize: 1, Privileged: true, CpuShares: 2, PidMode: 'host', Runtime: 'r' },
    ],
    [
      'privileges',
      {
        Shoal: { SecurityOpt: ['a=b'] },
        Privileges: {
          SELinuxContext: { Disable: true, Level: 'l' },
          Seccomp: { Mode: 'custom', Profile: Buffer.from('{}').toString('base64') },
          AppArmor: { Mode: 'disabled' },
          NoNewPrivileges: true,
        },
      },
      { SecurityOpt: ['a=b', 'label=disable', 'label=level:l', 'seccomp={}', 'apparmor=unconfined', 'no-new-privileges=true'] },
    ],
    ['nothing said', {}, { NetworkMode: 'default', Isolation: 'default', PortBindings: {}, Ulimits: [] }],
  ])('%s', (_name, spec, expected) => {
    expect(bodyOf(spec).HostConfig).toMatchObject(expected);
  });

  test('what is not said is sent as Docker’s own tasks say it', () => {
    expect(Object.keys(bodyOf({})).toSorted()).toEqual(['HostConfig', 'Image', 'Labels']);
    expect(Object.keys(bodyOf({}).HostConfig).toSorted()).toEqual(['Isolation', 'NetworkMode', 'PortBindings', 'Ulimits']);
  });
});

test("name and labels are Swarm's, and its labels win over the spec's", () => {
  const task = makeTask('t1', { Labels: { mine: '1', 'com.docker.swarm.task.id': 'fake' }, Shoal: { Platform: 'linux/arm64' } });
  const request = containerRequest(task, context);
  expect(request).toMatchObject({ name: 'web.1.t1', platform: 'linux/arm64' });
  expect(request.body.Labels).toEqual({
    mine: '1',
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': 't1',
    'com.docker.swarm.task.name': 'web.1.t1',
    'com.docker.swarm.node.id': 'node1',
    'com.docker.swarm.service.id': 'service1',
    'com.docker.swarm.service.name': 'web',
  });
});

test('limits, reservations, devices and log driver', () => {
  const DeviceRequests = [{ Driver: 'nvidia', Count: 1 }];
  const Resources = { Limits: { NanoCPUs: 5e8, MemoryBytes: 64e6, Pids: 9 }, Reservations: { MemoryBytes: 32e6, Shoal: { DeviceRequests } } };
  const task = taskSpec({ Resources, LogDriver: { Name: 'syslog', Options: { tag: 'x' } } });
  expect(bodyOf({}, task).HostConfig).toMatchObject({
    NanoCpus: 5e8,
    Memory: 64e6,
    PidsLimit: 9,
    DeviceRequests,
    LogConfig: { Type: 'syslog', Config: { tag: 'x' } },
  });
  // To the kernel a reservation would be a limit, and one above the limit is refused for ever.
  expect(bodyOf({}, task).HostConfig).not.toHaveProperty('MemoryReservation');
  expect(bodyOf({}, taskSpec({ LogDriver: { Options: { 'max-size': '1m' } } })).HostConfig).toMatchObject({
    LogConfig: { Type: '', Config: { 'max-size': '1m' } },
  });
  const shoal = { ...makeTask('t1').Shoal, LogDriver: { Name: 'journald' } };
  expect(bodyOf({}, { Shoal: shoal }).HostConfig).toMatchObject({ LogConfig: { Type: 'journald', Config: {} } });
});

test('assigned generic resources become environment', () => {
  const GenericResources = [
    { NamedResourceSpec: { Kind: 'gpu', Value: 'a' } },
    { NamedResourceSpec: { Kind: 'gpu', Value: 'b' } },
    { DiscreteResourceSpec: { Kind: 'ssd', Value: 2 } },
  ];
  expect(bodyOf({ Env: ['A=1'] }, { GenericResources }).Env).toEqual(['A=1', 'DOCKER_RESOURCE_GPU=a,b', 'DOCKER_RESOURCE_SSD=2']);
});

describe('a bind of the engine’s socket', () => {
  const bodyOf = (Source: string, ServiceLabels: Record<string, string> = {}, more: object = {}) => {
    const task = makeTask('t1', { Image: 'a', Mounts: [{ Type: 'bind', Source, Target: '/var/run/docker.sock', ReadOnly: true, ...more }] });
    const labelled = { ...task, Shoal: { ...task.Shoal, ServiceLabels } };
    return containerRequest(labelled, { ...context, door: '/run/shoal/engine.sock' }).body['HostConfig'] as { Mounts?: { Source: string }[]; Binds?: string[] };
  };

  test.each(['/var/run/docker.sock', '/run/docker.sock', '/var/run//docker.sock/', '/var/run/../run/docker.sock'])('%s leads through our door', (source) => {
    expect(bodyOf(source).Mounts).toEqual([{ Type: 'bind', Source: '/run/shoal/engine.sock', Target: '/var/run/docker.sock', ReadOnly: true }]);
  });

  test('is never made as a folder', () => {
    const { Mounts, Binds } = bodyOf('/var/run/docker.sock', {}, { BindOptions: { CreateMountpoint: true } });
    expect([Mounts, Binds]).toMatchObject([[{ Source: '/run/shoal/engine.sock', BindOptions: {} }], undefined]);
  });

  test('stays where somebody asks for it, and so does every other bind', () => {
    expect(bodyOf('/var/run/docker.sock', { 'shoal.engine-socket': 'true' }).Mounts).toMatchObject([{ Source: '/var/run/docker.sock' }]);
    expect(bodyOf('/srv/docker.sock').Mounts).toMatchObject([{ Source: '/srv/docker.sock' }]);
  });
});

test('mounts are handed on; secrets and configs are read-only binds', () => {
  const file = (Name: string) => ({ Name, UID: '0', GID: '0', Mode: 0o444 });
  const volume = { Type: 'volume', Source: 'v', Target: '/v', VolumeOptions: { Labels: { a: 'b' }, DriverConfig: { Name: 'local' } } } as const;
  const body = bodyOf({
    Mounts: [volume],
    Secrets: [
      { SecretID: 's', SecretName: 's', File: file('pw') },
      { SecretID: 's', SecretName: 's', File: file('/etc/pw') },
    ],
    Configs: [
      { ConfigID: 'r', ConfigName: 'r', Runtime: {} },
      { ConfigID: 'c', ConfigName: 'c', File: file('app.conf') },
    ],
  });
  expect(body.HostConfig.Mounts).toEqual([
    volume,
    { Type: 'bind', Source: '/run/files/secret-0', Target: '/run/secrets/pw', ReadOnly: true },
    { Type: 'bind', Source: '/run/files/secret-1', Target: '/etc/pw', ReadOnly: true },
    { Type: 'bind', Source: '/run/files/config-1', Target: '/app.conf', ReadOnly: true },
  ]);
});

test('a bind whose source is to be made is sent in the form that every engine makes', () => {
  const made = { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave', CreateMountpoint: true } } as const;
  const plain = { Type: 'bind', Source: '/c', Target: '/d', BindOptions: { Propagation: 'rprivate' } } as const;
  const special = { Type: 'bind', Source: '/e', Target: '/f', BindOptions: { CreateMountpoint: true, NonRecursive: true } } as const;
  const { HostConfig } = bodyOf({ Mounts: [made, plain, special] });
  expect(HostConfig).toMatchObject({ Binds: ['/a:/b:ro,rslave'], Mounts: [plain, special] });
});

test('host-mode ports are bound, ingress ones are not', () => {
  const Ports = [
    { TargetPort: 80, PublishedPort: 8080, PublishMode: 'host', Protocol: 'tcp', Shoal: { HostIP: '127.0.0.1' } },
    { TargetPort: 53, PublishMode: 'host', Protocol: 'udp' },
    { TargetPort: 81, PublishedPort: 8081, PublishMode: 'ingress' },
  ] as const;
  const body = bodyOf({}, { Shoal: { ...makeTask('t1').Shoal, Ports } });
  expect(body.ExposedPorts).toEqual({ '80/tcp': {}, '53/udp': {} });
  expect(body.HostConfig.PortBindings).toEqual({ '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }], '53/udp': [{ HostIp: '', HostPort: '' }] });
});

describe('networks', () => {
  const attachments = [
    { Network: makeNetwork('n1', 'web_default', '10.0.1.0/24'), Addresses: ['10.0.1.5/24'], Aliases: ['web'] },
    { Network: makeNetwork('n2', 'web_back', '10.0.2.0/24'), Addresses: ['10.0.2.5/24'] },
  ];
  const labels = { ...makeTask('t1').Shoal, ServiceLabels: { 'com.docker.stack.namespace': 'web' } };

  test('the first one is in the request, with its fixed address, our DNS server and no alias', () => {
    const body = bodyOf(
      { DNSConfig: { Nameservers: ['9.9.9.9'] } },
      { NetworksAttachments: attachments, Shoal: labels },
      { gateways: ['10.0.1.1', '10.0.2.1'] },
    );
    expect(body.NetworkingConfig).toEqual({ EndpointsConfig: { 'name-of-n1': { IPAMConfig: { IPv4Address: '10.0.1.5' }, MacAddress: '02:42:0a:00:01:05' } } });
    expect(body.HostConfig).toMatchObject({ NetworkMode: 'name-of-n1', Dns: ['10.0.1.1', '9.9.9.9', '10.0.2.1'], DnsSearch: ['web'] });
    // Who has none of his own has another host's second.
    expect(bodyOf({}, { NetworksAttachments: attachments, Shoal: labels }, { gateways: ['10.0.1.1', '10.0.2.1'] }).HostConfig).toMatchObject({
      Dns: ['10.0.1.1', '169.254.53.53'],
    });
    expect(JSON.stringify(body.NetworkingConfig)).not.toContain('Aliases');
    expect(body).not.toHaveProperty('MacAddress');
  });

  test("a wished hardware address is the first endpoint's, and said in the older form too", () => {
    const body = bodyOf({ Shoal: { MacAddress: '02:42:aa:bb:cc:dd' } }, { NetworksAttachments: attachments });
    expect(body).toMatchObject({
      MacAddress: '02:42:aa:bb:cc:dd',
      NetworkingConfig: { EndpointsConfig: { 'name-of-n1': { MacAddress: '02:42:aa:bb:cc:dd' } } },
    });
    expect(bodyOf({ Shoal: { MacAddress: '02:42:aa:bb:cc:dd' } })).not.toHaveProperty('MacAddress');
  });

  test('the ingress network is never the first one', () => {
    const ingress = { ...makeNetwork('in', 'ingress', '10.0.0.0/24'), Spec: { Name: 'ingress', Ingress: true } };
    const task = makeTask('t1', {}, { NetworksAttachments: [{ Network: ingress, Addresses: ['10.0.0.5/24'] }, ...attachments] });
    expect(endpoints(task, context).map((endpoint) => endpoint.network)).toEqual(['name-of-n1', 'name-of-n2', 'name-of-in']);
  });

  test('the others are connected later', () => {
    expect(endpoints(makeTask('t1', {}, { NetworksAttachments: attachments }), context)[1]).toEqual({
      networkId: 'n2',
      network: 'name-of-n2',
      settings: { IPAMConfig: { IPv4Address: '10.0.2.5' }, MacAddress: macAddress('10.0.2.5') },
    });
  });

  test.each(['host', 'none', 'bridge'])("the engine's own network %s", (name) => {
    const body = bodyOf({}, { Spec: { ContainerSpec: { Image: 'x' }, Networks: [{ Target: name }] } });
    expect(body.HostConfig).toMatchObject({ NetworkMode: name });
    expect(body).not.toHaveProperty('NetworkingConfig');
  });
});
