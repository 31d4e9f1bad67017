import { expect, test } from 'vitest';
import { createConfig } from '#control/configs';
import { createSecret } from '#control/secrets';
import { createService, updateService } from '#control/service/services';
import { nodesOf, stackHealth } from '#control/stack/stack-health';
import { setStackCondition } from '#control/stack/stack-states';
import { createRepository, removeRepository } from '#control/repository/repositories';
import { deployStack, removeStack, removeStackByHand } from '#control/stack/stacks';
import { namespaceLabel } from '#model/object/meta';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSource, StackSpec } from '#model/object/stack';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../specs.ts';

const byHand = { source: { Kind: 'deploy' }, prune: true } as const;
const file = { Name: 'f', UID: '0', GID: '0', Mode: 292 };

function fromRepository(commit: string): StackSource {
  return { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: commit };
}

/** A stack with one of everything; `conf` names the version of its config. */
function full(image = 'app:1', conf = 'shop_conf-1'): StackSpec {
  return stackSpec({
    Networks: [{ Name: 'shop_default', Driver: 'overlay' }],
    Secrets: [{ Name: 'shop_key', Data: base64('secret') }],
    Configs: [{ Name: conf, Data: base64(conf) }],
    Services: [
      serviceSpec('shop_web', {
        TaskTemplate: {
          ContainerSpec: {
            Image: image,
            Env: ['B=2', 'A=1'],
            Secrets: [{ SecretName: 'shop_key', File: file }],
            Configs: [{ ConfigName: conf, File: { ...file, Name: 'g' } }],
          },
          Networks: [{ Target: 'shop_default', Aliases: ['web'] }],
        },
      }),
      serviceSpec('shop_db'),
    ],
  });
}

function stored(cluster: MemoryCluster, name: string) {
  const service = cluster.store.byName('service', name);
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

function healthOf(cluster: MemoryCluster, name: string) {
  const stack = cluster.store.byName('stack', name);
  if (!stack) throw new Error(`no stack ${name}`);
  return stackHealth(cluster.store, stack, nodesOf(cluster.store), 0);
}

function edit(cluster: MemoryCluster, name: string, change: (spec: ServiceSpec) => ServiceSpec): void {
  const service = stored(cluster, name);
  cluster.run(updateService(name, service.Version.Index, change(service.Spec)));
}

test('a stack is one entry, with everything labelled and resolved', () => {
  const cluster = initialisedCluster();
  const before = cluster.entries;
  const result = cluster.run(deployStack(full(), byHand));
  expect(cluster.entries).toBe(before + 1);
  expect(result).toMatchObject({ Name: 'shop', Changed: true, Removed: [] });
  expect(result.Created.map(({ Kind, Name }) => `${Kind} ${Name}`)).toEqual([
    'network shop_default',
    'secret shop_key',
    'config shop_conf-1',
    'service shop_web',
    'service shop_db',
  ]);
  const web = stored(cluster, 'shop_web');
  expect(web.Spec.Labels).toEqual({ [namespaceLabel]: 'shop' });
  expect(web.Spec.TaskTemplate.Networks).toEqual([{ Target: cluster.store.byName('network', 'shop_default')?.ID, Aliases: ['web'] }]);
  expect(cluster.store.byName('stack', 'shop')).toMatchObject({
    Source: { Kind: 'deploy' },
    Services: ['shop_db', 'shop_web'],
    Condition: { State: 'applied' },
  });
});

test('the same stack again writes nothing, whatever the order of its sets', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const { entries } = cluster;
  const again = full();
  const [web, db] = again.Services;
  const container = web?.TaskTemplate.ContainerSpec;
  const reordered = {
    ...web,
    UpdateConfig: { Parallelism: 1, Order: 'stop-first' },
    TaskTemplate: {
      ...web?.TaskTemplate,
      ContainerSpec: { ...container, Env: ['A=1', 'B=2'], Isolation: 'default', StopGracePeriod: 10e9 },
      RestartPolicy: { Condition: 'any' },
    },
  } as ServiceSpec;
  const spec = { ...again, Services: [db as ServiceSpec, reordered] };
  // The digest is the caller's: here it says that the rendering is the same.
  const { Digest } = cluster.store.byName('stack', 'shop') ?? { Digest: '' };
  expect(cluster.run(deployStack(spec, { ...byHand, digest: Digest }))).toMatchObject({
    Changed: false,
    Services: [
      { Name: 'shop_db', Change: 'unchanged' },
      { Name: 'shop_web', Change: 'unchanged' },
    ],
  });
  expect(cluster.entries).toBe(entries);
});

test('a new commit that renders the same writes nothing', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), { source: fromRepository('c1'), digest: 'd', prune: true }));
  const { entries } = cluster;
  cluster.run(deployStack(full(), { source: fromRepository('c2'), digest: 'd', prune: true }));
  expect(cluster.entries).toBe(entries);
});

test('only the service that differs is written', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const db = stored(cluster, 'shop_db');
  const result = cluster.run(deployStack(full('app:2'), byHand));
  expect(result.Services.map(({ Name, Change }) => [Name, Change])).toEqual([
    ['shop_web', 'updated'],
    ['shop_db', 'unchanged'],
  ]);
  expect(stored(cluster, 'shop_db')).toEqual(db);
  expect(stored(cluster, 'shop_web')).toMatchObject({ Shoal: { SpecVersion: 1 }, PreviousSpec: { TaskTemplate: { ContainerSpec: { Image: 'app:1' } } } });
});

test.each<[string, string, (spec: ServiceSpec) => ServiceSpec]>([
  ['replicas', 'Mode.Replicated.Replicas', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 7 } } })],
  ['no replicas', 'Mode.Replicated.Replicas', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 0 } } })],
  ['an image', 'TaskTemplate.ContainerSpec.Image', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { Image: 'other' } } })],
  ['a label', 'Labels.extra', (spec) => ({ ...spec, Labels: { ...spec.Labels, extra: '' } })],
  [
    'a constraint',
    'TaskTemplate.Placement.Constraints',
    (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.role==worker'] } } }),
  ],
  ['a port', 'EndpointSpec.Ports', (spec) => ({ ...spec, EndpointSpec: { Mode: 'vip', Ports: [{ TargetPort: 1, PublishedPort: 2 }] } })],
  ['no restart delay', 'TaskTemplate.RestartPolicy.Delay', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, RestartPolicy: { Delay: 0 } } })],
  ['an update order', 'UpdateConfig.Order', (spec) => ({ ...spec, UpdateConfig: { Order: 'start-first' } })],
  ['all at once', 'UpdateConfig.Parallelism', (spec) => ({ ...spec, UpdateConfig: { Parallelism: 0 } })],
])('a change of %s by hand is undone', (_what, path, change) => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const before = stored(cluster, 'shop_db').Spec;
  edit(cluster, 'shop_db', change);
  expect(cluster.run(deployStack(full(), byHand)).Services).toContainEqual(
    expect.objectContaining({ Name: 'shop_db', Change: 'updated', Differences: [path] }),
  );
  expect(stored(cluster, 'shop_db').Spec).toEqual(before);
});

test('what the cluster owns stays: forced updates and pinned digests', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  edit(cluster, 'shop_db', (spec) => ({
    ...spec,
    TaskTemplate: { ForceUpdate: 3, ContainerSpec: { Image: `app:1@sha256:${'a'.repeat(64)}` }, Placement: { Platforms: [{ OS: 'linux' }] } },
  }));
  const { entries } = cluster;
  cluster.run(deployStack(full(), byHand));
  expect(cluster.entries).toBe(entries);
  cluster.run(deployStack({ ...full(), Services: [serviceSpec('shop_db', { TaskTemplate: { ContainerSpec: { Image: 'app:2' } } })] }, byHand));
  expect(stored(cluster, 'shop_db').Spec.TaskTemplate).toMatchObject({ ForceUpdate: 3, ContainerSpec: { Image: 'app:2' } });
});

test('an old version of a config stays while a service can roll back to it', () => {
  const cluster = initialisedCluster();
  const names = (): string[] => [...cluster.store.list('config')].map((config) => config.Spec.Name);
  cluster.run(deployStack(full('app:1', 'shop_conf-1'), byHand));
  expect(cluster.run(deployStack(full('app:1', 'shop_conf-2'), byHand)).Removed).toEqual([]);
  expect(names()).toEqual(['shop_conf-1', 'shop_conf-2']);
  expect(cluster.run(deployStack(full('app:1', 'shop_conf-3'), byHand)).Removed).toEqual([{ Kind: 'config', Name: 'shop_conf-1' }]);
  expect(names()).toEqual(['shop_conf-2', 'shop_conf-3']);
});

test('services that are gone from the file are removed only when pruning, with what only they used', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const less = stackSpec({ Services: [serviceSpec('shop_db')] });
  expect(cluster.run(deployStack(less, { ...byHand, prune: false })).Removed).toEqual([]);
  expect(cluster.run(deployStack(less, byHand)).Removed).toEqual([
    { Kind: 'service', Name: 'shop_web' },
    { Kind: 'secret', Name: 'shop_key' },
    { Kind: 'config', Name: 'shop_conf-1' },
    { Kind: 'network', Name: 'shop_default' },
  ]);
});

test('other content under the same name is refused whole, and says what to do', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const { entries } = cluster;
  const changed = { ...full('app:2'), Secrets: [{ Name: 'shop_key', Data: base64('other') }] };
  expect(() => cluster.run(deployStack(changed, byHand))).toThrow(/failed to update secret shop_key: only updates to Labels are allowed.*another name/);
  expect(cluster.entries).toBe(entries);
});

test('stacks whose names differ in case are two', () => {
  const cluster = initialisedCluster();
  const one = (name: string, service: string) => stackSpec({ Name: name, Services: [serviceSpec(service)] });
  cluster.run(deployStack(one('web', 'web_api'), byHand));
  cluster.run(deployStack(one('WEB', 'WEB_ui'), byHand));
  expect([stored(cluster, 'web_api'), stored(cluster, 'WEB_ui')].map(({ Spec }) => Spec.Labels?.[namespaceLabel])).toEqual(['web', 'WEB']);
  cluster.run(removeStack('WEB'));
  expect([stored(cluster, 'web_api').Spec.Name, cluster.store.byName('stack', 'WEB')]).toEqual(['web_api', undefined]);
});

test('two stacks share a secret that has a name of its own, and neither takes it from the other', () => {
  const cluster = initialisedCluster();
  const sharing = (name: string) => stackSpec({ Name: name, Secrets: [{ Name: 'token', Data: base64('secret') }], Services: [] });
  cluster.run(deployStack(sharing('one'), byHand));
  const made = cluster.store.byName('secret', 'token');
  cluster.run(deployStack(sharing('two'), byHand));
  const { entries } = cluster;
  for (const name of ['one', 'two', 'one']) expect(cluster.run(deployStack(sharing(name), byHand)).Changed).toBe(false);
  expect([cluster.entries, cluster.store.byName('secret', 'token')]).toEqual([entries, made]);
  const other = { ...sharing('two'), Secrets: [{ Name: 'token', Data: base64('other') }] };
  expect(() => cluster.run(deployStack(other, byHand))).toThrow(/only updates to Labels are allowed.*another name/);
});

test('new labels of a secret are written, its data stays', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const labelled = { ...full(), Secrets: [{ Name: 'shop_key', Data: base64('secret'), Labels: { team: 'a' } }] };
  expect(cluster.run(deployStack(labelled, byHand)).Updated).toEqual([{ Kind: 'secret', Name: 'shop_key' }]);
  expect(cluster.store.byName('secret', 'shop_key')?.Spec).toEqual({
    Name: 'shop_key',
    Data: base64('secret'),
    Labels: { team: 'a', [namespaceLabel]: 'shop' },
  });
});

test('external objects must be there', () => {
  const cluster = initialisedCluster();
  const none = { Networks: [], Secrets: [], Configs: [] };
  const deploy = (External: StackSpec['External']) => () => cluster.run(deployStack(stackSpec({ External }), byHand));
  expect(deploy({ ...none, Networks: ['foo'] })).toThrow(
    'network "foo" is declared as external, but could not be found. You need to create a swarm-scoped network before the stack is deployed',
  );
  expect(deploy({ ...none, Secrets: ['s'] })).toThrow('secret not found: s');
  cluster.run(createConfig({ Name: 'c', Data: base64('x') }));
  expect(deploy({ ...none, Networks: ['host'], Configs: ['c'] })).not.toThrow();
  expect(deploy({ ...none, Configs: ['C'] })).toThrow('config not found: C');
  expect(deploy({ ...none, Networks: ['INGRESS'] })).toThrow('network "INGRESS" is declared as external, but could not be found.');
});

test('a service of that name outside the stack is in the way', () => {
  const cluster = initialisedCluster();
  cluster.run(createService(serviceSpec('shop_web')));
  expect(() => cluster.run(deployStack(stackSpec(), byHand))).toThrow(
    'failed to create service shop_web: name conflicts with an existing object: service shop_web already exists',
  );
});

test('the auth of each image is kept with its service', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full('private/app'), { ...byHand, registryAuth: { 'private/app': 'token' } }));
  expect(stored(cluster, 'shop_web').Shoal.RegistryAuth).toBe('token');
  expect(stored(cluster, 'shop_db').Shoal.RegistryAuth).toBeUndefined();
  const renewed = cluster.run(deployStack(full('private/app'), { ...byHand, registryAuth: { 'private/app': 'token2' } }));
  expect(renewed.Services[0]?.Change).toBe('unchanged');
  expect(stored(cluster, 'shop_web').Shoal).toEqual({ SpecVersion: 0, RegistryAuth: 'token2' });
  // An image may be called what every object has something under.
  const other = initialisedCluster();
  other.run(deployStack(full('constructor'), { ...byHand, registryAuth: {} }));
  expect(stored(other, 'shop_web').Shoal.RegistryAuth).toBeUndefined();
});

test("a repository's spec that was rolled back is not rolled out again by itself", () => {
  const cluster = initialisedCluster();
  const from = (commit: string, digest: string) => ({ source: fromRepository(commit), digest, prune: true });
  cluster.run(deployStack(full('app:1'), from('c1', 'd1')));
  cluster.run(deployStack(full('app:2'), from('c2', 'd2')));
  const service = stored(cluster, 'shop_web');
  const { PreviousSpec, ...rest } = service;
  const rolledBack = { ...rest, Spec: PreviousSpec ?? service.Spec };
  cluster.write([update('service', { ...rolledBack, UpdateStatus: { State: 'rollback_completed', Message: 'rollback completed' } })]);
  const { entries } = cluster;
  expect(cluster.run(deployStack(full('app:2'), from('c2', 'd2'))).Changed).toBe(false);
  expect(cluster.entries).toBe(entries);
  expect(healthOf(cluster, 'shop')).toMatchObject({ State: 'degraded', Message: 'shop_web: rolled back: rollback completed', Quarantined: true });
  expect(cluster.run(deployStack(full('app:3'), from('c3', 'd3'))).Services[0]?.Change).toBe('updated');
  expect(cluster.run(deployStack(full('app:2'), { ...byHand, force: true })).Services[0]?.Change).toBe('updated');
});

test('a commit that asks for what the service went back to is in order again', () => {
  const cluster = initialisedCluster();
  const from = (commit: string, digest: string) => ({ source: fromRepository(commit), digest, prune: true });
  cluster.run(deployStack(full('app:1'), from('c1', 'd1')));
  cluster.run(deployStack(full('app:2'), from('c2', 'd2')));
  const { PreviousSpec, ...service } = stored(cluster, 'shop_web');
  const UpdateStatus = { State: 'rollback_completed', Message: 'rollback completed' } as const;
  cluster.write([update('service', { ...service, Spec: PreviousSpec ?? service.Spec, UpdateStatus })]);
  expect(cluster.run(deployStack(full('app:1'), from('c3', 'd1'))).Services[0]?.Change).toBe('unchanged');
  expect(healthOf(cluster, 'shop')).toMatchObject({ State: 'progressing', Quarantined: false });
});

test('a rollback by hand is a change like any other', () => {
  const cluster = initialisedCluster();
  const from = (commit: string, digest: string) => ({ source: fromRepository(commit), digest, prune: true });
  cluster.run(deployStack(full('app:1'), from('c1', 'd1')));
  cluster.run(deployStack(full('app:2'), from('c2', 'd2')));
  const { Version, Spec, ID } = stored(cluster, 'shop_web');
  cluster.run(updateService(ID, Version.Index, Spec, { rollback: 'previous' }));
  expect(healthOf(cluster, 'shop')).toMatchObject({ State: 'progressing', Quarantined: false });
  expect(cluster.run(deployStack(full('app:2'), from('c2', 'd2'))).Services[0]?.Change).toBe('updated');
});

test('a repository keeps its stack when somebody deploys by hand, and another repository is refused', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), { source: fromRepository('c1'), digest: 'd1', prune: true }));
  expect(() => cluster.run(deployStack(full('app:2'), byHand))).toThrow(
    'stack shop belongs to stacks/shop of repository infra: change it there, or deploy with --force',
  );
  expect(cluster.run(deployStack(full('app:2'), { ...byHand, force: true })).RevertedBy).toEqual({ Repository: 'infra', Suspended: false });
  expect(cluster.store.byName('stack', 'shop')).toMatchObject({ Source: fromRepository('c1'), Digest: 'd1' });
  const other = { Kind: 'repository', Repository: 'other', Path: 'shop', Commit: 'x' } as const;
  expect(() => cluster.run(deployStack(full(), { source: other, prune: true }))).toThrow('stack shop belongs to stacks/shop of repository infra');
});

test("a followed repository's stack is removed by hand only with a word, and it is said who brings it back", () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), { source: fromRepository('c1'), prune: true }));
  cluster.run(createRepository({ Name: 'infra', URL: 'https://git.example/x.git', Branch: 'main', Path: 'stacks', Interval: 30e9 }));
  const { entries } = cluster;
  expect(() => cluster.run(removeStackByHand('shop', false))).toThrow(
    'stack shop belongs to stacks/shop of repository infra, which would bring it back: remove it there, or with --force',
  );
  expect(cluster.entries).toBe(entries);
  expect(cluster.run(removeStackByHand('shop', true)).RevertedBy).toEqual({ Repository: 'infra', Suspended: false });
  // It is the repository's as before, with its history: what is missing of it is a change by hand.
  expect(cluster.store.byName('stack', 'shop')).toMatchObject({ Source: fromRepository('c1'), Services: ['shop_db', 'shop_web'] });
  expect([...cluster.store.list('service'), ...cluster.store.list('secret')]).toEqual([]);
  expect([...cluster.store.list('revision')]).toHaveLength(1);
  expect(() => cluster.run(removeStackByHand('shop', true))).toThrow('Nothing found in stack: shop');
  cluster.run(removeRepository('infra'));
  cluster.run(removeStackByHand('shop', false));
  expect([...cluster.store.list('stack'), ...cluster.store.list('revision')]).toEqual([]);
});

test('the stack of a repository that is followed no longer is anybody’s to remove', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), { source: fromRepository('c1'), prune: true }));
  expect(cluster.run(removeStackByHand('shop', false)).RevertedBy).toBeUndefined();
});

test('removing a stack removes all of it at once', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const { Removed } = cluster.run(removeStack('shop'));
  expect(Removed.map(({ Kind, Name }) => `${Kind} ${Name}`)).toEqual([
    'service shop_db',
    'service shop_web',
    'secret shop_key',
    'config shop_conf-1',
    'network shop_default',
  ]);
  expect([...cluster.store.list('stack'), ...cluster.store.list('service'), ...cluster.store.list('secret')]).toEqual([]);
  expect(() => cluster.run(removeStack('shop'))).toThrow(expect.objectContaining({ code: 'notFound', message: 'Nothing found in stack: shop' }));
});

test('a stack whose secret another service uses is not torn apart', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(full(), byHand));
  const Secrets = [{ SecretName: 'shop_key', File: file }];
  cluster.run(createService(serviceSpec('outside', { TaskTemplate: { ContainerSpec: { Image: 'app', Secrets } } })));
  const { entries } = cluster;
  expect(() => cluster.run(removeStack('shop'))).toThrow("secret 'shop_key' is in use by the following service: outside");
  expect(cluster.entries).toBe(entries);
});

test('a refused folder gets a record, whose first deploy takes it over', () => {
  const cluster = initialisedCluster();
  const condition = { State: 'refused', Message: 'compose.yml:1:1: bad', Since: '2026-01-01T00:00:00Z' } as const;
  cluster.run(setStackCondition('shop', condition, fromRepository('c1')));
  expect(cluster.store.byName('stack', 'shop')).toMatchObject({ Digest: '', Condition: condition, Services: [] });
  const { entries } = cluster;
  cluster.run(setStackCondition('shop', { ...condition, Since: 'later' }, fromRepository('c2')));
  expect(cluster.entries).toBe(entries);
  cluster.run(deployStack(full(), byHand));
  expect(cluster.store.byName('stack', 'shop')).toMatchObject({ Source: { Kind: 'deploy' }, Condition: { State: 'applied' } });
});

test('a secret that was made by hand is taken into the stack when its data is the same', () => {
  const cluster = initialisedCluster();
  cluster.run(createSecret({ Name: 'shop_key', Data: base64('secret') }));
  expect(cluster.run(deployStack(full(), byHand)).Updated).toEqual([{ Kind: 'secret', Name: 'shop_key' }]);
});
