/** A commit that fails: the whole stack goes back to what was good, stays there, and the next commit deploys by itself. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { thawRepository } from '#control/repository/stillness';
import { newestRevision, revisionsOf } from '#control/stack/revisions';
import { suspendStack } from '#control/stack/stack-states';
import { retryStack, rollBackStack } from '#control/stack/stack-rollback';
import { updateRepository } from '#control/repository/repositories';
import { updateService } from '#control/service/services';
import { Following, GitRepository, within } from '#test/support/git-repository';
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

const file = (web: string, more = '') => `services:
  web: { image: "${web}", configs: [page], secrets: [key], networks: [front] }
  db: { image: "db:1", networks: [front] }
${more}networks: { front: {} }
configs: { page: { file: page.html } }
secrets: { key: { file: key.txt } }
`;
const good = { 'stacks/site/compose.yml': file('web:1'), 'stacks/site/page.html': 'one', 'stacks/site/key.txt': 'key-one' };
const bad = {
  'stacks/site/compose.yml': file('bad:2', '  extra: { image: "extra:1", networks: [front] }\n'),
  'stacks/site/page.html': 'two',
  'stacks/site/key.txt': 'key-two',
};

const store = () => following.cluster.store;
const newest = () => newestRevision(store(), 'site');
const outcomes = () => revisionsOf(store(), 'site').map(({ Spec, Of, Outcome }) => [Spec.Number, Outcome.State, ...(Of === undefined ? [] : [Of])]);
const settled = (condition: () => boolean) =>
  within(30_000, condition, () => `${JSON.stringify([outcomes(), following.status()])}\n${following.told().join('\n')}`);
const judged = (state: string) => settled(() => newest()?.Outcome.State === state);

/** What the stack runs with, by content and not by the names of versions. */
function inForce(): unknown {
  const { store: view } = following.cluster;
  return [...view.list('service')]
    .map(({ Spec }) => ({
      name: Spec.Name,
      image: Spec.TaskTemplate.ContainerSpec?.Image,
      files: (Spec.TaskTemplate.ContainerSpec?.Configs ?? [])
        .map(({ ConfigID }) => view.get('config', ConfigID ?? '')?.Spec.Data)
        .concat((Spec.TaskTemplate.ContainerSpec?.Secrets ?? []).map(({ SecretID }) => view.get('secret', SecretID ?? '')?.Spec.Data)),
      networks: Spec.TaskTemplate.Networks?.map(({ Target }) => view.get('network', Target ?? '')?.Spec.Name),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function failed(): Promise<{ before: unknown; badCommit: string }> {
  repository.commit(good);
  await following.add(repository.folder);
  await judged('good');
  const before = inForce();
  const badCommit = repository.commit(bad);
  await following.sync();
  await settled(() => newest()?.Of === 1);
  return { before, badCommit };
}

test('a commit that fails: services, secrets, configs and networks go back in one step, and it is not tried again', async () => {
  const { before, badCommit } = await failed();
  expect(inForce()).toEqual(before);
  await judged('good');
  expect(outcomes()).toEqual([
    [1, 'good'],
    [2, 'failed'],
    [3, 'good', 1],
  ]);
  expect(following.told().join('\n')).toContain('rolled back site: revision 2 was given up for revision 1: site_web: update paused');
  for (let round = 0; round < 3; round++) await following.sync();
  expect(inForce()).toEqual(before);
  expect(following.condition('site')).toMatchObject({ State: 'refused', Commit: badCommit, Message: expect.stringContaining('rolled back to revision 1') });
  expect(following.status()).toMatchObject({ State: 'degraded', Commit: badCommit, Refused: { site: [expect.stringContaining('rolled back to revision 1')] } });
  // A commit elsewhere does not try it either, nor does a restart.
  repository.commit({ 'README.md': 'new' });
  await following.sync();
  await following.restart();
  await following.sync();
  expect(outcomes()).toHaveLength(3);
  expect(following.status()).toMatchObject({ State: 'degraded' });
  expect(revisionsOf(store(), 'site')[0]?.Who).toBe('t <t@localhost>');
});

test('a bad commit right behind a good one goes back to that one, though nobody had looked how it fares', async () => {
  repository.commit(good);
  await following.add(repository.folder);
  repository.commit(bad);
  await following.sync();
  expect(outcomes()[0]).toEqual([1, 'good']);
  await settled(() => newest()?.Of === 1);
  expect(following.image('site_web')).toBe('web:1');
});

test('what was given up is said, what is in force is kept: a change by hand is reverted to the good version', async () => {
  const { before } = await failed();
  const web = store().byName('service', 'site_web');
  if (!web) throw new Error('no service');
  following.cluster.run(updateService(web.ID, web.Version.Index, { ...web.Spec, Mode: { Replicated: { Replicas: 4 } } }));
  await settled(() => store().byName('service', 'site_web')?.Spec.Mode?.Replicated?.Replicas === 1);
  expect(inForce()).toEqual(before);
});

test('the next commit deploys without a hand, and so does one that takes the bad one back', async () => {
  await failed();
  repository.commit({ 'stacks/site/compose.yml': file('web:3') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('site_web')).toBe('web:3');
  await judged('good');
  repository.commit({ 'stacks/site/compose.yml': file('bad:4') });
  await following.sync();
  await settled(() => store().byName('stack', 'site')?.Quarantine !== undefined);
  expect(following.image('site_web')).toBe('web:3');
  repository.git('revert', '--no-edit', 'HEAD');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.condition('site')).toMatchObject({ State: 'applied', Message: '' });
  expect(store().byName('stack', 'site')?.Quarantine).toBeUndefined();
});

test('a first version has nothing to go back to, a repository may ask to stay, a suspended stack is not touched', async () => {
  repository.commit({ ...good, 'stacks/site/compose.yml': file('bad:1') });
  await following.add(repository.folder);
  await judged('failed');
  expect(following.image('site_web')).toBe('bad:1');
  repository.commit(good);
  await following.sync();
  await judged('good');
  following.cluster.run(updateRepository('infra', { OnFailure: 'stay' }));
  repository.commit(bad);
  await following.sync();
  await judged('failed');
  expect(following.image('site_web')).toBe('bad:2');
  following.cluster.run(suspendStack('site', true));
  following.cluster.run(updateRepository('infra', { OnFailure: 'rollback' }));
  await following.sync();
  expect(following.image('site_web')).toBe('bad:2');
  expect(newest()?.Of).toBeUndefined();
  following.cluster.run(suspendStack('site', false));
  await settled(() => following.image('site_web') === 'web:1');
});

test('a rollback by hand holds against the repository until a commit changes the stack, or a retry is asked for', async () => {
  repository.commit(good);
  await following.add(repository.folder);
  await judged('good');
  const before = inForce();
  repository.commit({ ...good, 'stacks/site/compose.yml': file('web:2'), 'stacks/site/page.html': 'two' });
  await following.sync();
  await judged('good');
  const { To } = following.cluster.run(rollBackStack('site', undefined, 'ann@desk'));
  expect(To).toBe(1);
  await following.sync();
  expect(inForce()).toEqual(before);
  expect(newest()).toMatchObject({ Of: 1, Who: 'ann@desk' });
  expect(following.status().Refused?.['site']?.[0]).toContain('rolled back to revision 1 (commit');
  following.cluster.run(retryStack('site'));
  await settled(() => following.image('site_web') === 'web:2');
  expect(following.condition('site')).toMatchObject({ State: 'applied' });
});

test('revisions are bounded, and the last good one is not among those that go', async () => {
  repository.commit(good);
  await following.add(repository.folder);
  await judged('good');
  following.cluster.run(updateRepository('infra', { OnFailure: 'stay' }));
  for (let round = 2; round <= 14; round++) {
    repository.commit({ 'stacks/site/compose.yml': file(`bad:${round}`) });
    await following.sync();
  }
  const numbers = revisionsOf(store(), 'site').map(({ Spec }) => Spec.Number);
  expect(numbers).toHaveLength(10);
  expect([numbers[0], numbers.at(-1)]).toEqual([1, 14]);
  expect(store().byName('revision', 'site@14')?.Spec.Stack).toBe('site');
});

test('a freeze window holds every write, says what waits, and opens for who gives a reason', async () => {
  repository.commit(good);
  await following.add(repository.folder);
  await judged('good');
  following.cluster.run(updateRepository('infra', { Freeze: ['2000-01-01/2999-01-01'] }));
  repository.commit({ 'stacks/site/compose.yml': file('web:2') });
  const web = store().byName('service', 'site_web');
  if (!web) throw new Error('no service');
  following.cluster.run(updateService(web.ID, web.Version.Index, { ...web.Spec, Mode: { Replicated: { Replicas: 4 } } }));
  const { entries } = following.cluster;
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
  expect(following.gitops.waiting('site')?.lines.join('\n')).toContain('"web:1" → "web:2"');
  following.cluster.run(thawRepository('infra', { reason: 'it burns', forMs: 60_000, who: 'ann@desk' }));
  await settled(() => following.image('site_web') === 'web:2');
  expect(following.told().join('\n')).toMatch(/thawed infra: the freeze is open until .*, for ann@desk: it burns/);
});
