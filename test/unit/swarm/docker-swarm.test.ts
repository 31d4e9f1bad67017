/** A Docker Swarm behind the cluster's contract: order, ids, versions, silence when nothing is to do, and who is heard. */
import { nextWave } from '#control/stack/stack-rollback';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { deployStack, removeStack, type StackDeployment } from '#control/stack/stacks';
import type { StackSource, StackSpec } from '#model/object/stack';
import type { StoreEvent } from '#store/action';
import { DockerSwarm } from '#swarm/docker-swarm';
import { FakeDockerSwarm } from '#test/support/fake-docker-swarm';
import { MemoryCluster } from '#test/support/memory-cluster';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';

const repository: StackSource = { Kind: 'repository', Repository: 'lab', Path: 'site', Commit: 'c1' };

let docker: FakeDockerSwarm;
let swarm: DockerSwarm;
let records: MemoryCluster;

beforeEach(async () => {
  docker = new FakeDockerSwarm();
  records = new MemoryCluster();
  await docker.start();
  swarm = newSwarm();
});

afterEach(async () => {
  await swarm.stop();
  docker.stop();
});

function newSwarm(): DockerSwarm {
  const endpoint = { url: `unix://${docker.socketPath}`, options: { socketPath: docker.socketPath }, secure: false };
  return new DockerSwarm(endpoint, { records, clock: realClock, random: seededRandom(7), logger: silentLogger });
}

function site(change: { image?: string; page?: string; services?: readonly string[] } = {}): StackSpec {
  const page = `site_page-${change.page ?? 'one'}`;
  return {
    Name: 'site',
    Networks: [{ Name: 'site_front' }],
    Secrets: [{ Name: 'site_password', Data: 'aHVzaA==' }],
    Configs: [{ Name: page, Data: 'b25l' }],
    Services: (change.services ?? ['web', 'side']).map((name) => ({
      Name: `site_${name}`,
      TaskTemplate: {
        ContainerSpec: {
          Image: name === 'web' ? (change.image ?? 'web:1') : 'side:1',
          ...(name === 'web' && {
            Configs: [{ ConfigName: page, File: { Name: '/page', UID: '0', GID: '0', Mode: 292 } }],
            Secrets: [{ SecretName: 'site_password', File: { Name: 'password', UID: '0', GID: '0', Mode: 292 } }],
          }),
        },
        Networks: [{ Target: 'site_front' }],
      },
      Shoal: { DependsOn: [{ Service: 'site_other', Condition: 'service_started' }] },
    })),
    External: { Networks: [], Secrets: [], Configs: [] },
  };
}

function deploy(spec: StackSpec, options: { source?: StackSource; registryAuth?: Record<string, string> } = {}): Promise<StackDeployment> {
  return swarm.submit(deployStack(spec, { source: repository, digest: JSON.stringify(spec), prune: true, ...options }));
}

test('objects are written before their users, with the ids that Docker gave', async () => {
  await swarm.start();
  const { Services } = await deploy(site(), { registryAuth: { 'web:1': 'token' } });
  expect(docker.writes).toEqual([
    'create networks site_front',
    'create secrets site_password',
    'create configs site_page-one',
    'create services site_web',
    'create services site_side',
  ]);
  const web = docker.named('services', 'site_web');
  expect(Services[0]).toEqual({ ID: web?.ID, Name: 'site_web', SpecVersion: 0, Image: 'web:1', Change: 'created' });
  const text = JSON.stringify(web?.Spec);
  for (const [table, name] of [
    ['networks', 'site_front'],
    ['secrets', 'site_password'],
    ['configs', 'site_page-one'],
  ] as const)
    expect(text).toContain(`"${docker.named(table, name)?.ID}"`);
  expect(text).not.toContain('DependsOn');
  expect([...docker.auths]).toEqual([['site_web', 'token']]);
  expect((await swarm.read()).byName('stack', 'site')?.Condition.State).toBe('applied');
});

test('what is as wanted is not written again, nor by the next daemon', async () => {
  await swarm.start();
  await deploy(site());
  const { length } = docker.writes;
  const { entries } = records;
  expect(await deploy(site())).toMatchObject({ Changed: false });
  await swarm.stop();
  swarm = newSwarm();
  await swarm.start();
  expect(await deploy(site())).toMatchObject({ Changed: false });
  expect([docker.writes.length, records.entries]).toEqual([length, entries]);
});

test('a changed image is one write; changed content is created, used, and the one before stays for a rollback', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  await deploy(site({ image: 'web:2' }));
  expect(docker.writes).toEqual(['update services site_web']);
  await deploy(site({ image: 'web:2', page: 'two' }));
  await deploy(site({ image: 'web:2', page: 'three' }));
  expect(docker.writes.slice(1)).toEqual([
    'create configs site_page-two',
    'update services site_web',
    'create configs site_page-three',
    'update services site_web',
    'remove configs site_page-one',
  ]);
});

test('the right to pull is sent when it changes, and no other time', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  for (const token of ['one', 'one', 'two']) await deploy(site(), { registryAuth: { 'web:1': token } });
  await deploy(site());
  expect(docker.writes).toEqual(['update services site_web', 'update services site_web']);
  expect([...docker.auths]).toEqual([['site_web', 'two']]);
});

test('labels of content change in place', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  const spec = site();
  const labelled = { ...spec, Secrets: spec.Secrets.map((secret) => ({ ...secret, Labels: { team: 'one' } })) };
  expect(await deploy(labelled)).toMatchObject({ Updated: [{ Kind: 'secret', Name: 'site_password' }] });
  expect(await deploy(labelled)).toMatchObject({ Changed: false });
  expect(docker.writes).toEqual(['update secrets site_password']);
});

test('a change by others is heard, and shown as nothing more than it is', async () => {
  await swarm.start();
  await deploy(site());
  const heard: StoreEvent[] = [];
  swarm.watch((events) => heard.push(...events));
  docker.change('site_side', (spec) => ({ ...spec, Labels: { ...spec.Labels, by: 'hand' } }));
  await until(
    () => heard.length > 0,
    5_000,
    () => 'nothing is heard',
  );
  const id = docker.named('services', 'site_side')?.ID;
  expect(heard).toMatchObject([{ kind: 'service', id, object: { Spec: { Labels: { by: 'hand' } } } }]);
  docker.writes.length = 0;
  expect((await deploy(site())).Services).toMatchObject([{ Change: 'unchanged' }, { Change: 'updated', Differences: ['Labels.by'] }]);
  expect(docker.writes).toEqual(['update services site_side']);
});

test('what Docker rolled back is not tried again before it changes', async () => {
  await swarm.start();
  await deploy(site());
  const before = docker.named('services', 'site_web')?.Spec ?? { Name: '' };
  await deploy(site({ image: 'broken:1' }));
  docker.change('site_web', () => before, { UpdateStatus: { State: 'rollback_completed', Message: '' } });
  const service = docker.named('services', 'site_web');
  delete service?.PreviousSpec;
  docker.writes.length = 0;
  expect(await deploy(site({ image: 'broken:1' }))).toMatchObject({ Changed: false });
  await deploy(site({ image: 'web:3' }));
  expect(docker.writes).toEqual(['update services site_web']);
});

test('a faster client makes it decide again', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  let faster = 1;
  docker.refuse = () => {
    if (faster-- > 0) docker.change('site_web', (spec) => ({ ...spec, Labels: { ...spec.Labels, by: 'hand' } }));
    return undefined;
  };
  await deploy(site({ image: 'web:2' }));
  expect(docker.writes).toEqual(['update services site_web', 'update services site_web']);
  const spec = JSON.stringify(docker.named('services', 'site_web')?.Spec);
  expect(spec).toContain('web:2');
  expect(spec).not.toContain('hand');
});

test('one who is always faster is given way to after five attempts', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  docker.refuse = () => ({ status: 500, message: 'rpc error: code = Unknown desc = update out of sequence' });
  await expect(deploy(site({ image: 'web:2' }))).rejects.toThrow('failed to update service site_web: update out of sequence');
  expect(docker.writes).toHaveLength(5);
});

test('what Docker refuses half-way is said, and the next deploy goes on from there', async () => {
  await swarm.start();
  docker.refuse = (what) =>
    what === 'create services site_side' ? { status: 400, message: 'rpc error: code = InvalidArgument desc = no such thing' } : undefined;
  await expect(deploy(site())).rejects.toMatchObject({ code: 'invalidArgument', message: 'failed to create service site_side: no such thing' });
  docker.refuse = () => undefined;
  docker.writes.length = 0;
  await deploy(site());
  expect(docker.writes).toEqual(['create services site_side']);
});

test('what Docker has no word for is refused before anything is written', async () => {
  await swarm.start();
  const spec = site();
  const [web, side] = spec.Services;
  const Services = web && side ? [web, { ...side, TaskTemplate: { ContainerSpec: { Image: 'side:1', Shoal: { ShmSize: 1 } } } }] : [];
  await expect(deploy({ ...spec, Services })).rejects.toThrow(
    "service site_side: Docker Swarm cannot do this, only a cluster of shoal's own can: TaskTemplate.ContainerSpec.ShmSize",
  );
  expect(docker.writes).toEqual([]);
});

test('removing a stack removes users first, and waits for a network that tasks still hold', async () => {
  await swarm.start();
  await deploy(site());
  docker.writes.length = 0;
  let busy = 2;
  docker.refuse = (what) =>
    what.includes('networks') && busy-- > 0 ? { status: 500, message: 'rpc error: code = FailedPrecondition desc = network is in use by task t1' } : undefined;
  await swarm.submit(removeStack('site'));
  expect(docker.writes).toEqual([
    'remove services site_side',
    'remove services site_web',
    'remove secrets site_password',
    'remove configs site_page-one',
    ...Array.from({ length: 3 }, () => 'remove networks site_front'),
  ]);
  expect([...(await swarm.read()).list('stack')]).toEqual([]);
});

test('records of services that are gone go with the next write', async () => {
  await swarm.start();
  await deploy(site());
  await deploy(site({ services: ['web'] }));
  // What it lacks goes when the rest is healthy.
  expect((await swarm.submit(nextWave('site', 2))).removed).toEqual(['site_side']);
  await deploy(site({ services: ['web'], image: 'web:2' }));
  expect([...records.store.list('service')].map((service) => service.Spec.Name)).toEqual(['site_web']);
});

test.each([
  [{ apiVersion: '1.38' }, 'failedPrecondition', /speaks API 1\.38: at least 1\.41 \(Engine 20\.10\) is needed/],
  [{ apiVersion: 'none' }, 'failedPrecondition', /is no Docker Engine/],
])('an engine with %j is refused', async (fields, code, message) => {
  Object.assign(docker, fields);
  await expect(swarm.start()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('an engine that does not answer is refused by its address', async () => {
  docker.stop();
  await expect(swarm.start()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(`cannot reach the Docker Engine at unix://${docker.socketPath}`),
  });
  docker = new FakeDockerSwarm();
  await docker.start();
});
