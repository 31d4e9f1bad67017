/** What is read out of an engine's inspection. */
import { expect, test } from 'vitest';
import type Docker from 'dockerode';
import { Looks, observed as observe } from '#engine/docker-observe';
import type { ObservedContainer } from '#task/step';
import { advance, fail } from '#task/attempt';

const observed = (info: Docker.ContainerInspectInfo) => observe(info, (id) => (id.startsWith('ours') ? `cluster-${id}` : undefined));

function inspection(State: object, Ports: object = {}): Docker.ContainerInspectInfo {
  const Labels = { 'com.docker.swarm.task.id': 't1', 'com.docker.swarm.service.id': 's1' };
  const state = { Status: 'running', Pid: 0, ExitCode: 0, Error: '', OOMKilled: false, StartedAt: 'a', FinishedAt: 'b', ...State };
  return { Id: 'c1', State: state, Config: { Labels }, NetworkSettings: { Ports } } as unknown as Docker.ContainerInspectInfo;
}

test.each([
  ['created', 'created'],
  ['paused', 'running'],
  ['exited', 'exited'],
  ['something new', 'dead'],
])('state %s is %s', (Status, state) => {
  expect(observed(inspection({ Status }))).toMatchObject({ containerId: 'c1', taskId: 't1', serviceId: 's1', state });
});

test('health is absent without a check, and the last output is kept', () => {
  expect(observed(inspection({ Health: { Status: 'none', Log: [] } }))).not.toHaveProperty('health');
  expect(observed(inspection({ Running: true, Health: { Status: 'unhealthy', Log: [{ Output: 'old' }, { Output: 'bad' }] } }))).toMatchObject({
    health: 'unhealthy',
    healthLog: 'bad',
  });
});

test('a container that has ended was unhealthy when its checks had failed often enough, whatever its engine says of it now', () => {
  const ended = (FailingStreak: number, Retries?: number) => {
    const info = inspection({ Status: 'exited', Running: false, Health: { Status: 'unhealthy', FailingStreak, Log: [] } });
    return observed({ ...info, Config: { ...info.Config, ...(Retries !== undefined && { Healthcheck: { Retries } }) } }).health;
  };
  expect([ended(0), ended(2), ended(3)]).toEqual([undefined, undefined, 'unhealthy']);
  expect([ended(4, 5), ended(5, 5), ended(1, 1), ended(2, 0)]).toEqual([undefined, 'unhealthy', 'unhealthy', undefined]);
});

test('nothing is observed, and nothing reported to the managers, that no rule goes by: times of a container are the engine’s own', () => {
  const Ports = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] };
  const Health = { Status: 'unhealthy', Log: [{ Output: 'bad' }] };
  const seen = observed(inspection({ Running: true, Pid: 7, Error: 'e', Health, ExitCode: 3 }, Ports));
  expect(Object.keys(seen).toSorted()).toEqual(
    ['containerId', 'taskId', 'serviceId', 'state', 'pid', 'exitCode', 'error', 'oomKilled', 'health', 'healthLog', 'networks', 'ports'].toSorted(),
  );
  for (const status of [advance('running', 'started', 5, seen), fail({ Timestamp: '', State: 'running', Message: 'm' }, 'why', 5, seen)]) {
    expect(JSON.stringify(status)).not.toMatch(/startedat|finishedat/i);
    expect(Object.keys(status.ContainerStatus ?? {})).toEqual(['ContainerID', 'PID', 'ExitCode']);
  }
});

test('what is no port of a container is none', () => {
  const bound = [{ HostIp: '', HostPort: '8080' }];
  expect(observed(inspection({}, { '80': bound, '81/tcp/x': bound, '/tcp': bound, 'x/tcp': bound, '70000/tcp': bound })).ports).toMatchObject([
    { TargetPort: 80, Protocol: 'tcp' },
  ]);
});

test('a port bound for both families counts once, one on an address keeps it', () => {
  const both = [
    { HostIp: '0.0.0.0', HostPort: '8080' },
    { HostIp: '::', HostPort: '8080' },
  ];
  expect(observed(inspection({}, { '80/tcp': both, '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5353' }], '99/tcp': null })).ports).toEqual([
    { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' },
    { Protocol: 'udp', TargetPort: 53, PublishedPort: 5353, PublishMode: 'host', Shoal: { HostIP: '127.0.0.1' } },
  ]);
});

test('of the networks, those of the cluster that it is on now', () => {
  const Networks = {
    bridge: { NetworkID: 'engine', IPAddress: '172.17.0.2', MacAddress: 'a' },
    web: { NetworkID: 'ours1', IPAddress: '10.0.1.5', MacAddress: 'b' },
  };
  const info = inspection({ Running: true });
  expect(observed({ ...info, NetworkSettings: { ...info.NetworkSettings, Networks } } as unknown as Docker.ContainerInspectInfo).networks).toEqual([
    { networkId: 'cluster-ours1', address: '10.0.1.5', macAddress: 'b' },
  ]);
});

test('a container over which the engine hangs hides no other: it is as it was, or as the list has it, until the engine is through with it', async () => {
  const seen = (id: string): ObservedContainer => ({ containerId: id, taskId: id, serviceId: 's1', state: 'running', pid: 7, networks: [], ports: [] });
  const listed = (id: string, State: string, Status = 'Up'): Docker.ContainerInfo =>
    ({
      Id: id,
      Names: [`/web.1.${id}`],
      State,
      Status,
      Labels: { 'com.docker.swarm.task.id': id, 'com.docker.swarm.service.id': 's1' },
      NetworkSettings: { Networks: { n: { NetworkID: 'ours1', IPAddress: '10.0.0.2', MacAddress: 'm' }, other: { NetworkID: 'bridge' } } },
    }) as unknown as Docker.ContainerInfo;
  const answers = new Map<string, () => void>();
  let hangs = false;
  const asked: string[] = [];
  const inspect = (id: string): Promise<ObservedContainer> => {
    asked.push(id);
    if (!hangs || id === 'well') return Promise.resolve(seen(id));
    return new Promise((resolve) => answers.set(id, () => resolve(seen(id))));
  };
  const answered: string[] = [];
  const parts = { inspect, clusterNetwork: (id: string) => (id.startsWith('ours') ? `cluster-${id}` : undefined), answered: (id: string) => answered.push(id) };
  const looks = new Looks(parts, 1);
  const known = await looks.all([listed('well', 'running'), listed('known', 'running'), listed('ends', 'running')]);
  hangs = true;
  const list = [listed('well', 'running'), listed('known', 'running'), listed('ends', 'exited', 'Exited (137) 1 second ago'), listed('new', 'running')];
  const found = await looks.all(list);
  expect(found.map(({ containerId }) => containerId)).toEqual(['well', 'known', 'ends', 'new']);
  expect(found[1]).toBe(known[1]);
  expect(found[2]).toMatchObject({ taskId: 'ends', state: 'exited', exitCode: 137, networks: [] });
  expect(found[3]).toMatchObject({ state: 'running', health: 'starting', networks: [{ networkId: 'cluster-ours1', address: '10.0.0.2' }] });
  // It is asked about once, and looked at again when that was answered.
  await looks.all(list);
  expect(asked.filter((id) => id !== 'well')).toEqual(['known', 'ends', 'known', 'ends', 'new']);
  answers.get('ends')?.();
  await Promise.resolve();
  await Promise.resolve();
  expect(answered).toEqual(['ends']);
  // Where an image was made of a task's container, its containers are nobody's task's here too.
  expect(await looks.all([{ ...listed('copy', 'running'), Names: ['/debugging'] }])).toEqual([]);
});
