/** The roll-out of a release, by the duty that runs: nodes of which each takes its time, fails, or is away, and leaders that change at every step. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { applyDeclared } from '#control/repository/declared';
import { confirmRepository, createRepository, suspendRepository } from '#control/repository/repositories';
import type { ManagersSeen } from '#control/release/rollout';
import { ReleaseRollout } from '#manager/release/release-rollout';
import { roleOf } from '#model/manager-address';
import type { Node } from '#model/object/node';
import type { RunRelease } from '#model/release/release';
import { create, remove, update } from '#store/action';
import { clusterOf } from '#store/view';
import { aNode } from '#test/support/cluster-objects';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { settle, VirtualClock } from '#test/support/virtual-clock';

const digest = 'a'.repeat(64);
const commit = '1'.repeat(40);
const takesMs = 4000;

/** Workers w1 and w2, managers m1, m2 and m3; m2 leads. */
async function world({ away = [] as string[], broken = [] as string[], hanging = [] as string[] } = {}) {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock });
  cluster.write([remove('node', 'node-one')]);
  const State = (id: string): Node['Status']['State'] => (away.includes(id) ? 'down' : 'ready');
  for (const id of ['w2', 'm1', 'm2', 'm3', 'w1']) {
    const role = id.startsWith('m') ? ({ Role: 'manager', ManagerAddr: `${id}:2377` } as const) : ({ Role: 'worker' } as const);
    const Spec = { Role: role.Role, Availability: 'active' } as const;
    cluster.write([create('node', aNode(id, { Spec, Shoal: role, Status: { State: State(id), Addr: '' } }))]);
  }
  let leader = 'm2';
  const cut = new Set<string>();
  const story: string[] = [];
  const change = (id: string, how: (node: Node) => Node): void => {
    const node = cluster.store.get('node', id);
    if (node) cluster.write([update('node', how(node))]);
  };
  const says = (id: string, Release: RunRelease, state: Node['Status']['State'] = 'ready'): void =>
    change(id, (node) => {
      const { Hostname, Platform, Resources, Engine } = aNode(id).Description as NonNullable<Node['Description']>;
      return { ...node, Status: { ...node.Status, State: state }, Description: { Hostname, Platform, Resources, Engine, Shoal: { Release } } };
    });
  const managers = (): ManagersSeen => ({
    leader,
    members: [...cluster.store.list('node')]
      .filter((node) => roleOf(node) === 'manager')
      .map(({ ID, Status }) => ({ id: ID, voter: true, reachable: !cut.has(ID) && Status.State === 'ready' })),
  });
  const told: string[] = [];
  const newDuty = (): ReleaseRollout => new ReleaseRollout({ cluster, managers, tell: (_name, message) => told.push(message), clock, logger: silentLogger });
  let duty = newDuty();
  const succeed = async (): Promise<void> => {
    await duty.stop();
    duty = newDuty();
    await duty.start();
    await settle();
  };
  // Each node does what it is told; its daemon goes and comes back.
  const begun = new Set<string>();
  cluster.watch(() => {
    for (const { ID, Shoal, Status } of cluster.store.list('node')) {
      const { Release } = Shoal ?? {};
      const key = `${ID} ${Release?.Digest ?? ''} ${Release?.Attempt ?? 0}`;
      if (!Release || begun.has(key) || Status.State !== 'ready') continue;
      begun.add(key);
      story.push(ID);
      if (hanging.includes(ID)) continue;
      const Failed = { Digest: Release.Digest, Attempt: Release.Attempt, Text: 'it does not run here' };
      if (broken.includes(ID)) clock.after(1000, () => says(ID, { Version: '1', Failed }));
      else {
        clock.after(500, () => change(ID, (node) => ({ ...node, Status: { ...node.Status, State: 'disconnected' } })));
        clock.after(takesMs - 1000, () => says(ID, { Version: '2', Digest: Release.Digest, Probation: true }));
        clock.after(takesMs, () => says(ID, { Version: '2', Digest: Release.Digest }));
      }
    }
  });
  const repository = { Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second, Trust: 'full' as const, Allow: ['upgrade'] };
  const { ID } = cluster.run(createRepository(repository));
  const want = (Digest = digest) => cluster.run(applyDeclared(ID, commit, { Release: { URL: 'https://example.org/x.tgz', Digest } }));
  await duty.start();
  await settle();
  const running = (Digest = digest) => [...cluster.store.list('node')].filter((node) => node.Description?.Shoal?.Release?.Digest === Digest).length;
  const end = async (): Promise<void> => {
    await duty.stop();
    expect(clock.running).toBe(0);
  };
  return { clock, cluster, story, told, want, succeed, says, change, running, cut, end, lead: (id: string) => (leader = id) };
}

test('workers first, then managers, whoever leads last, one at a time', async () => {
  const { clock, cluster, story, told, want, running, end } = await world();
  want();
  await settle();
  for (let passed = 0; running() < 5; passed += 100) {
    expect(passed).toBeLessThan(60_000);
    const busy = [...cluster.store.list('node')].filter(
      ({ Status, Shoal, Description }) => Shoal?.Release && (Status.State !== 'ready' || Description?.Shoal?.Release?.Digest !== digest),
    );
    expect(busy.length).toBeLessThan(2);
    await clock.advance(100);
  }
  await clock.advance(10_000);
  expect(story).toEqual(['w1', 'w2', 'm1', 'm3', 'm2']);
  expect(told[0]).toBe('release aaaaaaaaaaaa: node w1 takes it up');
  expect(told.at(-1)).toBe('release aaaaaaaaaaaa: all nodes run it');
  await end();
});

test('whenever the leader changes the next one goes on where it stood: nobody is told twice or out of turn', async () => {
  for (let at = 0; at <= 5 * takesMs; at += 1000) {
    const { clock, story, want, running, succeed, end } = await world();
    want();
    await settle();
    await clock.advance(at);
    await succeed();
    await clock.advance(6 * takesMs + 12_000);
    expect([at, story, running()]).toEqual([at, ['w1', 'w2', 'm1', 'm3', 'm2'], 5]);
    await end();
  }
});

test('the first that fails stops it, by name, until somebody says so or another release is wanted', async () => {
  const broken = ['w2'];
  const { clock, cluster, story, told, want, running, succeed, end } = await world({ broken });
  want();
  await clock.advance(60_000);
  expect([story, running()]).toEqual([['w1', 'w2'], 1]);
  expect(told.at(-1)).toBe('release aaaaaaaaaaaa: paused: node w2: it does not run here');
  await succeed();
  await clock.advance(60_000);
  expect(story).toEqual(['w1', 'w2']);
  broken.pop();
  cluster.run(confirmRepository('infra', commit));
  await clock.advance(60_000);
  expect([story, running()]).toEqual([['w1', 'w2', 'w2', 'm1', 'm3', 'm2'], 5]);
  want('b'.repeat(64));
  await clock.advance(60_000);
  expect(running('b'.repeat(64))).toBe(5);
  await end();
});

test('one that is told and never comes stops it too', async () => {
  const { clock, cluster, story, want, end } = await world({ hanging: ['w1'] });
  want();
  await clock.advance(19 * 60_000);
  expect(clusterOf(cluster.store)?.Shoal?.Release?.Paused).toBeUndefined();
  await clock.advance(2 * 60_000);
  expect(clusterOf(cluster.store)?.Shoal?.Release?.Paused).toEqual({ Node: 'w1', Text: 'it was told 20 minutes ago and does not run it' });
  expect(story).toEqual(['w1']);
  await end();
});

test('nodes that are down are passed over and told when they come; a word before one’s turn stops nobody', async () => {
  const { clock, story, told, want, says, running, end } = await world({ away: ['w1', 'm3'] });
  // Whoever says that it failed before anybody asked him.
  says('m1', { Version: '1', Failed: { Digest: digest, Attempt: 1, Text: 'stop all' } });
  want();
  await clock.advance(60_000);
  expect([story, running()]).toEqual([['w2'], 1]);
  // m1 is told nothing: with m3 down, two are the majority and none can be missed.
  expect(told.at(-1)).toBe('release aaaaaaaaaaaa: node m1 is a manager, and too few of the others answer');
  says('m1', { Version: '1' });
  says('m3', { Version: '1' });
  await clock.advance(60_000);
  expect(told.at(-1)).toBe('release aaaaaaaaaaaa: all nodes run it but w1, which is down and will be told when back');
  says('w1', { Version: '1' });
  await clock.advance(60_000);
  expect([story, running()]).toEqual([['w2', 'm1', 'm3', 'm2', 'w1'], 5]);
  await end();
});

test('while the repository is suspended nobody is told', async () => {
  const { clock, cluster, story, want, end } = await world();
  want();
  await settle();
  cluster.run(suspendRepository('infra', true));
  await clock.advance(60_000);
  expect(story).toEqual(['w1']);
  cluster.run(suspendRepository('infra', false));
  await clock.advance(60_000);
  expect(story).toEqual(['w1', 'w2', 'm1', 'm3', 'm2']);
  await end();
});

test('a node that joined and never came holds nobody back', async () => {
  const { clock, cluster, story, want, end } = await world();
  const { Description: _never, ...node } = aNode('w0', { Status: { State: 'unknown', Addr: '' } });
  cluster.write([create('node', node)]);
  want();
  await clock.advance(60_000);
  expect(story).toEqual(['w1', 'w2', 'm1', 'm3', 'm2']);
  await end();
});
