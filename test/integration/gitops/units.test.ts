/** Commits that are one unit, and stacks that come in waves: over real repositories, with services that run at once or never. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newestRevision, revisionsOf } from '#control/stack/revisions';
import { suspendStack } from '#control/stack/stack-states';
import { deployStack, removeStackByHand } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

const seen = (condition: () => boolean) => within(60_000, condition, () => `${JSON.stringify(following.status())}\n${following.told().join('\n')}`);
const good = (stack: string) => newestRevision(following.cluster.store, stack)?.Outcome.State === 'good';
const images = (...names: string[]) => names.map((name) => following.image(`${name}_web`));

test('an atomic commit comes whole or not at all, goes back whole in one entry, and the next one is tried whole', async () => {
  repository.commit({ 'shoal.yml': 'atomic: true\n', 'stacks/a/compose.yml': stackFile('a:1'), 'stacks/b/compose.yml': stackFile('b:1') });
  await following.add(repository.folder);
  await seen(() => good('a') && good('b'));
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:2'), 'stacks/b/compose.yml': 'services: { web: { imagee: x } }' });
  expect((await following.sync()).Held?.['a']).toBe('the commit is one unit, and stack b is refused');
  expect(images('a', 'b')).toEqual(['a:1', 'b:1']);
  // What two of them want of the cluster is refused as the unit that it is of.
  const clash = '    ports: ["8080:80"]\n';
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:2', clash), 'stacks/b/compose.yml': stackFile('b:2', clash) });
  await following.sync();
  expect(following.condition('a')?.Errors?.[0]).toMatch(/failed to \w+ service \w+: .*8080/);
  expect(images('a', 'b')).toEqual(['a:1', 'b:1']);
  // One fails at run time: what came with it goes back, and what is new with it is removed.
  const entries: string[] = [];
  following.cluster.watch(
    (events) => void entries.push(events.flatMap((event) => (event.kind === 'stack' && event.object ? [event.object.Spec.Name] : [])).join()),
  );
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:3'), 'stacks/b/compose.yml': stackFile('bad:3'), 'stacks/c/compose.yml': stackFile('c:3') });
  await following.sync();
  await seen(() => following.condition('b')?.State === 'refused' && following.image('a_web') === 'a:1');
  expect(images('a', 'b', 'c')).toEqual(['a:1', 'b:1', undefined]);
  // In one entry each: the three come, and the three go back.
  expect(entries.filter((names) => names.includes('a') && names.includes('b') && names.includes('c'))).toHaveLength(2);
  expect(following.condition('a')?.Message).toMatch(/^rolled back to revision 1 .*: it came in one entry with stack b, which failed: /);
  expect(following.condition('c')?.Message).toContain('removed again, for there is nothing to go back to');
  // A commit that changes nothing of the stacks changes nothing; one that mends b brings all of it.
  repository.commit({ 'README.md': 'more' });
  await following.sync();
  expect(images('a', 'b', 'c')).toEqual(['a:1', 'b:1', undefined]);
  repository.commit({ 'stacks/b/compose.yml': stackFile('b:4') });
  await following.sync();
  expect(images('a', 'b', 'c')).toEqual(['a:3', 'b:4', 'c:3']);
  await seen(() => good('a') && good('b') && good('c'));
  // One that is suspended keeps the others: it is not deployed either.
  following.cluster.run(suspendStack('b', true));
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:5'), 'stacks/b/compose.yml': stackFile('b:5') });
  expect((await following.sync()).Held?.['a']).toBe('the commit is one unit, and stack b is suspended');
  expect(images('a', 'b')).toEqual(['a:3', 'b:4']);
  following.cluster.run(suspendStack('b', false));
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:3'), 'stacks/b/compose.yml': stackFile('b:4') });
  await following.sync();
  // What is brought back after a change by hand is of no unit: it takes nothing else back.
  const { length } = revisionsOf(following.cluster.store, 'b');
  following.cluster.run(removeStackByHand('b', true));
  await seen(() => following.image('b_web') === 'b:4');
  expect(revisionsOf(following.cluster.store, 'b')).toHaveLength(length);
  await seen(() => good('b'));
  // What the commit does not have any more goes when the rest is well.
  repository.commit({ 'stacks/a/compose.yml': stackFile('bad:5'), 'stacks/c': undefined });
  await following.sync();
  await seen(() => following.condition('a')?.State === 'refused');
  expect(images('a', 'b', 'c')).toEqual(['a:3', 'b:4', 'c:3']);
  // Who is suspended is not taken back, and keeps the others from it.
  repository.commit({ 'stacks/a/compose.yml': stackFile('a:6'), 'stacks/b/compose.yml': stackFile('bad:6') });
  await following.sync();
  following.cluster.run(suspendStack('a', true));
  await seen(() => newestRevision(following.cluster.store, 'b')?.Outcome.State === 'failed');
  expect(newestRevision(following.cluster.store, 'b')?.Outcome.Message).toContain('it does not go back, for stack a is suspended');
  expect(images('a', 'b', 'c')).toEqual(['a:6', 'bad:6', 'c:3']);
  // Those that are well are found to be so: the commit has its verdict.
  await seen(() => good('a'));
  await seen(() => following.condition('c')?.Message === 'it goes when all of the commit is well, and b is not yet');
  following.cluster.run(suspendStack('a', false));
  repository.commit({ 'stacks/b/compose.yml': stackFile('b:4') });
  await following.sync();
  await seen(() => following.image('c_web') === undefined && good('a'));
  expect(images('a', 'b')).toEqual(['a:6', 'b:4']);
});

test('an atomic commit that stays where it fails has its verdict stack by stack, also where the next wave is refused', async () => {
  const file = (image: string, port: number, more = '') => `services:\n  db: { image: "${image}" }\n  api: { image: "api:1", ports: ["${port}:80"] }\n${more}`;
  const order = 'atomic: true\nsync: { on_failure: stay }\nstacks: [stacks/b, { path: stacks/a, waves: [[db], [api]] }]\n';
  repository.commit({ 'shoal.yml': order, 'stacks/a/compose.yml': file('db:1', 8080), 'stacks/b/compose.yml': stackFile('b:1') });
  await following.add(repository.folder);
  await seen(() => good('a') && good('b'));
  // What takes the port comes between the waves: right behind the first one.
  const { cluster } = following;
  const unwatch = cluster.watch((events) => {
    if (!events.some(({ kind, object }) => kind === 'stack' && object?.Rollout)) return;
    unwatch();
    queueMicrotask(() => cluster.run(deployStack({ ...taker, Name: 'other' }, { source: { Kind: 'deploy' }, prune: true })));
  });
  repository.commit({ 'stacks/a/compose.yml': file('db:2', 9090), 'stacks/b/compose.yml': stackFile('b:2') });
  await following.sync();
  await seen(() => newestRevision(following.cluster.store, 'a')?.Outcome.State === 'failed' && good('b'));
  expect(newestRevision(following.cluster.store, 'a')?.Outcome.Message).toMatch(
    /its next wave is refused: .*9090.*it does not go back, for stack (a|b) stays as it is/,
  );
  expect([following.image('a_db'), following.image('b_web')]).toEqual(['db:2', 'b:2']);
});

test('an atomic repository has no order between its stacks', async () => {
  repository.commit({ 'shoal.yml': 'atomic: true\nstacks: [stacks/a, { path: stacks/b, after: [a] }]\n', 'stacks/a/compose.yml': stackFile() });
  expect((await following.add(repository.folder)).Message).toBe(
    'shoal.yml:2:38: stacks.1.after: stacks of an `atomic` repository come at once (leave out `after`, or `atomic`)',
  );
});

const taker: StackSpec = {
  Name: 'other',
  Networks: [],
  Secrets: [],
  Configs: [],
  Services: [
    {
      Name: 'other_web',
      TaskTemplate: { ContainerSpec: { Image: 'o:1' } },
      Mode: { Replicated: { Replicas: 1 } },
      EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 9090, PublishMode: 'ingress' }] },
    },
  ],
  External: { Networks: [], Secrets: [], Configs: [] },
};

const services = (images: Readonly<Record<string, string>>) =>
  `services:\n${Object.entries(images)
    .map(([name, image]) => `  ${name}: { image: "${image}" }\n`)
    .join('')}`;

test('services come in waves, a wave that fails takes the stack back, what goes goes at the end, and a restart goes on', async () => {
  const order = 'stacks:\n  - { path: stacks/a, waves: [[db], [api, worker]] }\n';
  repository.commit({ 'shoal.yml': order, 'stacks/a/compose.yml': services({ db: 'db:1', api: 'api:1', worker: 'w:1', web: 'web:1', old: 'old:1' }) });
  await following.add(repository.folder);
  // Only the first wave is there before it is healthy.
  expect(['a_db', 'a_api', 'a_web'].map((name) => following.image(name))).toEqual(['db:1', undefined, undefined]);
  await seen(() => good('a'));
  expect(['a_db', 'a_api', 'a_worker', 'a_web', 'a_old'].map((name) => following.image(name))).toEqual(['db:1', 'api:1', 'w:1', 'web:1', 'old:1']);
  expect(revisionsOf(following.cluster.store, 'a')).toHaveLength(1);
  repository.commit({ 'stacks/a/compose.yml': services({ db: 'db:2', api: 'bad:2', worker: 'w:1', web: 'web:2' }) });
  await following.sync();
  expect(['a_db', 'a_api', 'a_web', 'a_old'].map((name) => following.image(name))).toEqual(['db:2', 'api:1', 'web:1', 'old:1']);
  await seen(() => following.condition('a')?.State === 'refused');
  expect(['a_db', 'a_api', 'a_web', 'a_old'].map((name) => following.image(name))).toEqual(['db:1', 'api:1', 'web:1', 'old:1']);
  expect(following.told().some((line) => line.includes('web:2'))).toBe(false);
  repository.commit({ 'stacks/a/compose.yml': services({ db: 'db:3', api: 'api:3', worker: 'w:1', web: 'web:3' }) });
  await following.sync();
  await following.restart();
  await seen(() => following.image('a_old') === undefined && good('a'));
  expect(['a_db', 'a_api', 'a_worker', 'a_web'].map((name) => following.image(name))).toEqual(['db:3', 'api:3', 'w:1', 'web:3']);
  expect(following.cluster.store.byName('stack', 'a')?.Rollout).toBeUndefined();
  repository.commit({ 'shoal.yml': order.replace('db', 'nobody') });
  await following.sync();
  expect(following.condition('a')?.Errors).toEqual(['shoal.yml: stack a: its waves name service nobody, which it does not have']);
});

test('what a version does not have goes when it is healthy, and at once where both cannot run; one that fails leaves it running', async () => {
  const port = 'ports: ["8080:80"]';
  const file = (...lines: readonly string[]) => `services:\n${lines.map((line) => `  ${line}\n`).join('')}`;
  const base = ['web: { image: "web:1" }', 'api: { image: "api:1" }', 'more: { image: "more:1" }'];
  repository.commit({ 'stacks/a/compose.yml': file(...base, 'old: { image: "old:1" }', `front: { image: "front:1", ${port} }`) });
  await following.add(repository.folder);
  await seen(() => good('a'));
  const old = following.cluster.store.byName('service', 'a_old')?.ID;
  // Its place is taken by one that never becomes healthy: the one before runs on, as the same.
  repository.commit({ 'stacks/a/compose.yml': file(...base, 'new: { image: "bad:2" }', `front: { image: "front:1", ${port} }`) });
  await following.sync();
  expect(following.image('a_old')).toBe('old:1');
  await seen(() => following.condition('a')?.State === 'refused');
  expect(following.cluster.store.byName('service', 'a_old')?.ID).toBe(old);
  expect(following.image('a_new')).toBeUndefined();
  repository.commit({ 'stacks/a/compose.yml': file(...base, 'new: { image: "new:3" }', `face: { image: "face:3", ${port} }`) });
  const plan = await following.gitops.planCommit('infra', undefined, false);
  const gone = plan.stacks[0]?.changes?.flatMap(({ name, change }) => (change === 'remove' ? [name] : []));
  expect(gone?.toSorted()).toEqual(['a_front', 'a_old']);
  await following.sync();
  // Two cannot have one port.
  expect([following.image('a_front'), following.image('a_face')]).toEqual([undefined, 'face:3']);
  await seen(() => following.image('a_old') === undefined && good('a'));
  expect(following.cluster.store.byName('stack', 'a')?.Rollout).toBeUndefined();
});

test('a version that fails stays where shoal.yml says so, unless the operator says otherwise', async () => {
  repository.commit({ 'shoal.yml': 'sync: { on_failure: stay }\n', 'stacks/a/compose.yml': stackFile('a:1') });
  await following.add(repository.folder);
  await seen(() => good('a'));
  repository.commit({ 'stacks/a/compose.yml': stackFile('bad:2') });
  await following.sync();
  await seen(() => newestRevision(following.cluster.store, 'a')?.Outcome.State === 'failed');
  expect(following.image('a_web')).toBe('bad:2');
  repository.commit({ 'shoal.yml': 'sync: { on_failure: rollback }\n' });
  await following.sync();
  await seen(() => following.image('a_web') === 'a:1');
});
