import { expect, test } from 'vitest';
import { createConfig } from '#control/configs';
import { createNetwork } from '#control/networks';
import { createSecret } from '#control/secrets';
import { createService, removeService, updateService } from '#control/service/services';
import { update } from '#store/action';
import { initialisedCluster, MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec } from '../specs.ts';

const http = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] } } as const;

function stored(cluster: MemoryCluster, name: string) {
  const service = cluster.store.byName('service', name);
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

test('what Docker stores as default is stored', () => {
  const cluster = initialisedCluster();
  const { ID, Warnings } = cluster.run(createService(serviceSpec('web')));
  const service = stored(cluster, 'web');
  expect(service).toMatchObject({ ID, Spec: { Mode: { Replicated: { Replicas: 1 } } }, Shoal: { SpecVersion: 0 } });
  expect(service.Spec.EndpointSpec).toBeUndefined();
  expect(Warnings).toBeNull();
});

test('networks, secrets and configs are resolved to ids, the deprecated place of networks too', () => {
  const cluster = initialisedCluster();
  const net = cluster.run(createNetwork({ Name: 'back' }));
  const secret = cluster.run(createSecret({ Name: 'key', Data: base64('x') }));
  const config = cluster.run(createConfig({ Name: 'conf', Data: base64('x') }));
  const File = { Name: 'f', UID: '0', GID: '0', Mode: 292 };
  cluster.run(
    createService({
      Name: 'web',
      Networks: [{ Target: 'back', Aliases: ['w'] }, { Target: 'host' }],
      TaskTemplate: {
        ContainerSpec: { Image: 'app', Secrets: [{ SecretName: 'key', File }], Configs: [{ ConfigID: config.ID, ConfigName: '', File }] },
      },
    }),
  );
  const { Spec } = stored(cluster, 'web');
  expect(Spec.TaskTemplate.Networks).toEqual([{ Target: net.ID, Aliases: ['w'] }, { Target: 'host' }]);
  expect(Spec.Networks).toEqual(Spec.TaskTemplate.Networks);
  expect(Spec.TaskTemplate.ContainerSpec?.Secrets).toEqual([{ SecretID: secret.ID, SecretName: 'key', File }]);
  expect(Spec.TaskTemplate.ContainerSpec?.Configs).toEqual([{ ConfigID: config.ID, ConfigName: 'conf', File }]);
});

test('references to nothing are refused by name', () => {
  const cluster = initialisedCluster();
  const File = { Name: 'f', UID: '0', GID: '0', Mode: 292 };
  const Secrets = [
    { SecretName: 'a', File },
    { SecretName: 'b', File: { ...File, Name: 'g' } },
  ];
  const spec = serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app', Secrets } } });
  expect(() => cluster.run(createService(spec))).toThrow('secrets not found: a, b');
  const attached = serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app' }, Networks: [{ Target: 'gone' }] } });
  expect(() => cluster.run(createService(attached))).toThrow('network gone not found');
  const ingress = serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app' }, Networks: [{ Target: 'ingress' }] } });
  expect(() => cluster.run(createService(ingress))).toThrow('Service cannot be explicitly attached to the ingress network "ingress"');
});

test('names are taken whatever their case', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web')));
  expect(() => cluster.run(createService(serviceSpec('WEB')))).toThrow(
    expect.objectContaining({ code: 'alreadyExists', message: 'name conflicts with an existing object: service WEB already exists' }),
  );
});

test('a published port belongs to one service, unless both publish on hosts', () => {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createService(serviceSpec('web', http)));
  expect(() => cluster.run(createService(serviceSpec('two', http)))).toThrow(`port '8080' is already in use by service 'web' (${ID}) as an ingress port`);
  const host = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 90, PublishMode: 'host' }] } } as const;
  const on = cluster.run(createService(serviceSpec('h1', host)));
  cluster.run(createService(serviceSpec('h2', host)));
  const ingress = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 90 }] } };
  expect(() => cluster.run(createService(serviceSpec('three', ingress)))).toThrow(
    `port '90' is already in use by service 'h1' (${on.ID}) as a host-published port`,
  );
});

test('of a taken name and a taken port, the port is said', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web', http)));
  expect(() => cluster.run(createService(serviceSpec('web', http)))).toThrow("port '8080' is already in use by service 'web'");
});

test('a port that the cluster chose is taken as well', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web', { EndpointSpec: { Ports: [{ TargetPort: 80 }] } })));
  const service = stored(cluster, 'web');
  cluster.write([update('service', { ...service, Endpoint: { Ports: [{ TargetPort: 80, PublishedPort: 30_000, PublishMode: 'ingress' }] } })]);
  const wanted = { EndpointSpec: { Ports: [{ TargetPort: 1, PublishedPort: 30_000 }] } };
  expect(() => cluster.run(createService(serviceSpec('two', wanted)))).toThrow("port '30000' is already in use by service 'web'");
});

test('a driver option of an attachment, which nobody would carry out, is refused by name', () => {
  const cluster = initialisedCluster();
  cluster.run(createNetwork({ Name: 'front' }));
  const spec = serviceSpec('web');
  const options = (DriverOpts: Record<string, string>) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Networks: [{ Target: 'front', DriverOpts }] } });
  expect(() => cluster.run(createService(options({ 'com.docker.network.endpoint.ifname': 'eth7' })))).toThrow(
    'driver option com.docker.network.endpoint.ifname of the attachment to network front is not supported',
  );
  expect(() => cluster.run(createService(options({})))).not.toThrow();
  // Beside a Docker Swarm they are its driver's.
  const docker = new MemoryCluster();
  docker.run(createNetwork({ Name: 'front', Driver: 'weave' }));
  docker.run(createService(options({ 'com.docker.network.endpoint.ifname': 'eth7' })));
});

test('a service that an older version stored with a driver option is changed as any other; another option is refused', () => {
  const cluster = initialisedCluster();
  cluster.run(createNetwork({ Name: 'front' }));
  cluster.run(createNetwork({ Name: 'back' }));
  const spec = (Networks: readonly { Target: string; DriverOpts?: Record<string, string> }[], Image = 'app') =>
    serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image }, Networks } });
  cluster.run(createService(spec([{ Target: 'front' }])));
  const { ID, Spec } = stored(cluster, 'web');
  const DriverOpts = { 'com.docker.network.endpoint.ifname': 'eth7' };
  const Networks = (Spec.TaskTemplate.Networks ?? []).map((network) => ({ ...network, DriverOpts }));
  cluster.write([update('service', { ...stored(cluster, 'web'), Spec: { ...Spec, TaskTemplate: { ...Spec.TaskTemplate, Networks } } })]);
  const change = (networks: Parameters<typeof spec>[0], image?: string) =>
    cluster.run(updateService(ID, stored(cluster, 'web').Version.Index, spec(networks, image)));

  change([{ Target: 'front', DriverOpts }], 'app:2');
  expect(() => change([{ Target: 'front', DriverOpts: { ...DriverOpts, other: '1' } }])).toThrow('driver option other of the attachment to network front');
  expect(() => change([{ Target: 'front', DriverOpts: { 'com.docker.network.endpoint.ifname': 'eth8' } }])).toThrow('endpoint.ifname');
  expect(() => change([{ Target: 'back', DriverOpts }])).toThrow('attachment to network back');
  // What went may come back as long as it is what the service would be rolled back to.
  change([{ Target: 'front' }]);
  change([{ Target: 'front', DriverOpts }]);
  change([{ Target: 'front' }], 'app:3');
  change([{ Target: 'front' }], 'app:4');
  expect(() => change([{ Target: 'front', DriverOpts }])).toThrow('attachment to network front');
});

test('the numbers by which nodes reach one another are published for nobody, but by whom an older version let', () => {
  const cluster = initialisedCluster();
  const [node] = cluster.store.list('node');
  cluster.write([update('node', { ...node!, Shoal: { ...node!.Shoal, ManagerAddr: '192.168.7.1:7000' } })]);
  const ports = (...published: readonly [number, 'tcp' | 'udp', 'ingress' | 'host'][]) => ({
    EndpointSpec: { Ports: published.map(([PublishedPort, Protocol, PublishMode]) => ({ TargetPort: 80, PublishedPort, Protocol, PublishMode }) as const) },
  });
  for (const [number, protocol, mode] of [
    [2377, 'tcp', 'ingress'],
    [2377, 'tcp', 'host'],
    [7000, 'tcp', 'ingress'],
    [4789, 'udp', 'ingress'],
  ] as const) {
    const create = () => cluster.run(createService(serviceSpec('web', ports([80, 'tcp', 'ingress'], [number, protocol, mode]))));
    expect(create).toThrow(`port '${number}/${protocol}' is the cluster's own`);
  }
  cluster.run(createService(serviceSpec('web', ports([2377, 'udp', 'ingress'], [4789, 'tcp', 'ingress']))));
  const service = stored(cluster, 'web');
  cluster.write([update('service', { ...service, Spec: { ...service.Spec, ...ports([2377, 'tcp', 'ingress']) } })]);
  const change = (spec: ReturnType<typeof ports>) => cluster.run(updateService(service.ID, stored(cluster, 'web').Version.Index, serviceSpec('web', spec)));
  change(ports([2377, 'tcp', 'ingress'], [81, 'tcp', 'ingress']));
  expect(() => change(ports([2377, 'tcp', 'ingress'], [4789, 'udp', 'ingress']))).toThrow("port '4789/udp' is the cluster's own");
});

test('without an ingress network, ingress ports are refused', () => {
  const cluster = new MemoryCluster();
  expect(() => cluster.run(createService(serviceSpec('web', http)))).toThrow('service needs ingress network, but no ingress network is present');
});

test('an update moves the spec to the previous one, counts, and forgets the rollout', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web'), { registryAuth: 'auth' }));
  const first = stored(cluster, 'web');
  cluster.write([
    update('service', {
      ...first,
      UpdateStatus: { State: 'paused', Message: 'x' },
      Shoal: { ...first.Shoal, Rollout: { SpecVersion: 0, Total: 1, Slots: {} } },
    }),
  ]);
  const before = stored(cluster, 'web');
  const spec = serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app:2' } } });
  expect(cluster.run(updateService('web', before.Version.Index, spec))).toEqual({ Warnings: null, Shoal: { SpecVersion: 1 } });
  const after = stored(cluster, 'web');
  expect(after.Spec.TaskTemplate.ContainerSpec?.Image).toBe('app:2');
  expect(after.PreviousSpec).toEqual(before.Spec);
  expect(after.Shoal).toEqual({ SpecVersion: 1, PreviousSpecVersion: 0, RegistryAuth: 'auth', Origin: { Kind: 'update' } });
  expect(after.UpdateStatus).toBeUndefined();
});

test('an update from an old version is out of sequence', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web')));
  const version = stored(cluster, 'web').Version.Index;
  cluster.run(updateService('web', version, serviceSpec('web')));
  expect(() => cluster.run(updateService('web', version, serviceSpec('web')))).toThrow(
    expect.objectContaining({ code: 'unknown', message: 'update out of sequence' }),
  );
});

test('name and mode cannot change', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('web')));
  const version = stored(cluster, 'web').Version.Index;
  expect(() => cluster.run(updateService('web', version, serviceSpec('other')))).toThrow('renaming services is not supported');
  const global = serviceSpec('web', { Mode: { Global: {} } });
  expect(() => cluster.run(updateService('web', version, global))).toThrow(
    expect.objectContaining({ code: 'unimplemented', message: 'service mode change is not allowed' }),
  );
});

test('rolling back swaps the specs, and twice toggles', () => {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createService(serviceSpec('web')));
  const back = () => {
    const service = stored(cluster, 'web');
    return cluster.run(updateService('web', service.Version.Index, service.Spec, { rollback: 'previous' }));
  };
  expect(back).toThrow(expect.objectContaining({ code: 'failedPrecondition', message: `service ${ID} does not have a previous spec` }));
  const next = serviceSpec('web', { TaskTemplate: { ContainerSpec: { Image: 'app:2' } } });
  cluster.run(updateService('web', stored(cluster, 'web').Version.Index, next));
  back();
  expect(stored(cluster, 'web')).toMatchObject({
    Spec: { TaskTemplate: { ContainerSpec: { Image: 'app:1' } } },
    PreviousSpec: { TaskTemplate: { ContainerSpec: { Image: 'app:2' } } },
    UpdateStatus: { State: 'rollback_started', Message: 'manually requested rollback' },
    Shoal: { SpecVersion: 0, PreviousSpecVersion: 1 },
  });
  back();
  expect(stored(cluster, 'web').Spec.TaskTemplate.ContainerSpec?.Image).toBe('app:2');
  cluster.run(updateService('web', stored(cluster, 'web').Version.Index, next));
  // The number of a spec that old tasks still carry must not come back.
  expect(stored(cluster, 'web').Shoal.SpecVersion).toBe(2);
});

test('jobs run again with each update', () => {
  const cluster = initialisedCluster();
  const spec = serviceSpec('job', { Mode: { ReplicatedJob: { TotalCompletions: 3 } } });
  cluster.run(createService(spec));
  expect(stored(cluster, 'job')).toMatchObject({
    JobStatus: { JobIteration: { Index: 0 } },
    Spec: { Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 3 } } },
  });
  cluster.run(updateService('job', stored(cluster, 'job').Version.Index, spec));
  expect(stored(cluster, 'job').JobStatus?.JobIteration.Index).toBe(1);
});

test('services are found by id, name and prefix of the id, and removed', () => {
  const cluster = initialisedCluster();
  const one = cluster.run(createService(serviceSpec('one')));
  cluster.run(createService(serviceSpec('two')));
  cluster.run(removeService(one.ID.slice(0, 12)));
  expect(() => cluster.run(removeService('one'))).toThrow(expect.objectContaining({ code: 'notFound', message: 'service one not found' }));
  cluster.run(removeService('two'));
  expect([...cluster.store.list('service')]).toEqual([]);
});

test('very many published ports are compared by their numbers, and not each with each', () => {
  const cluster = initialisedCluster();
  const ports = (first: number) =>
    ({
      EndpointSpec: { Ports: Array.from({ length: 30_000 }, (_, at) => ({ TargetPort: first + at, PublishedPort: first + at, Protocol: 'tcp' as const })) },
    }) as const;
  cluster.run(createService(serviceSpec('low', ports(2378))));
  cluster.run(createService(serviceSpec('high', ports(32_378))));
  expect(() => cluster.run(createService(serviceSpec('both', ports(15_000))))).toThrow("port '15000' is already in use by service 'low'");
});
