/** What stacks and repositories say of themselves. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { explainRepository } from '#control/explain/repository';
import { explainLabelled, explainStack } from '#control/explain/stack';
import { createRepository, setRepositoryStatus, suspendRepository, updateRepository } from '#control/repository/repositories';
import { thawRepository } from '#control/repository/stillness';
import { createService } from '#control/service/services';
import { judgeRevision } from '#control/stack/revisions';
import { giveUpRevision } from '#control/stack/stack-rollback';
import { deployStack } from '#control/stack/stacks';
import { conditionOf, type Stack, type StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';
import { instantly } from '#test/support/instant-services';

const now = Date.UTC(2026, 0, 1);
const spec = (image: string): StackSpec => ({
  Name: 'web',
  Networks: [],
  Secrets: [],
  Configs: [],
  Services: [{ Name: 'web_app', TaskTemplate: { ContainerSpec: { Image: image } }, Mode: { Replicated: { Replicas: 1 } } }],
  External: { Networks: [], Secrets: [], Configs: [] },
});
const source = (digit: string) => ({ Kind: 'repository', Repository: 'infra', Path: 'stacks/web', Commit: digit.repeat(40) }) as const;

function world() {
  const cluster = initialisedCluster({ clock: { now: () => now }, stages: [instantly] });
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  cluster.run(deployStack(spec('app:1'), { source: source('1'), prune: true, who: 'Ann <ann@example.org>' }));
  cluster.run(judgeRevision('web', 1, { State: 'good', Message: '' }));
  const stack = () => explainStack(cluster.store, cluster.store.byName('stack', 'web') as never, undefined, now);
  const repository = () => explainRepository(cluster.store, cluster.store.byName('repository', 'infra') as never, now);
  return { cluster, stack, repository };
}

test('a stack that is well says whose it is, which commit, and what runs', () => {
  expect(world().stack()).toEqual([
    'Stack web belongs to repository infra, which has it in folder stacks/web.',
    'It is in force as revision 1, from commit 111111111111 by Ann <ann@example.org> Less than a second ago.',
    'It has 1 service:',
    '  web_app wants 1 task of app:1; 1 run.',
    'All of it is healthy.',
    'The last thing that was done is revision 1, from commit 111111111111 by Ann <ann@example.org> Less than a second ago: it was found healthy.',
  ]);
});

test('one that went back says why, what is not tried again, and what would be written', () => {
  const { cluster, stack } = world();
  cluster.run(deployStack(spec('bad:2'), { source: source('2'), prune: true }));
  cluster.run(giveUpRevision('web', 2, 'a task ended'));
  cluster.run(suspendRepository('infra', true));
  const lines = stack();
  expect(lines[1]).toMatch(/^It is in force as revision 3 by shoal .* which brought back revision 1\.$/);
  expect(lines).toContain('The version of commit 222222222222 was given up:');
  expect(lines).toContain('  rolled back to revision 1 (commit 111111111111): a task ended');
  expect(lines).toContain('That version is not tried again before its files change, or `shoal stack retry web`.');
  expect(lines.some((line) => /^Repository infra is suspended since .*`shoal repo resume infra`\.$/.test(line))).toBe(true);
  const record = cluster.store.byName('stack', 'web');
  if (!record) throw new Error('no stack');
  const waiting = explainStack(cluster.store, record, { drift: true, lines: ['web_app Replicas: 1 → 3'] }, now);
  expect(waiting).toEqual(expect.arrayContaining(['It was changed by hand, which would be reverted:', '  web_app Replicas: 1 → 3']));
});

test('a repository says what it follows, what was read, and how each stack fares, those it may not have as well', () => {
  const { cluster, repository } = world();
  const Status = {
    State: 'held',
    Commit: '1'.repeat(40),
    Message: '1 of 2 stacks held: shop: not its own',
    Since: '2026-01-01T00:00:00.000Z',
    Held: { shop: 'not its own' },
  } as const;
  cluster.run(setRepositoryStatus('infra', Status));
  expect(repository()).toEqual([
    'Repository infra follows branch main of /srv/x, folder stacks, and looks every 30s.',
    'Its stacks have the trust that --allow gives them; a version that fails goes back to the last good one.',
    'The commit rendered last is 111111111111; it is held since Less than a second ago: 1 of 2 stacks held: shop: not its own.',
    'It has 2 stacks (`shoal stack explain NAME` says more of each):',
    '  web: applied, healthy.',
    '  shop: held: not its own.',
  ]);
});

test('what fails after a way back goes back to the version that is in force, and names the commit that it is of', () => {
  const { cluster } = world();
  const condition = () => conditionOf(cluster.store.byName('stack', 'web') as Stack).Message;
  for (const [at, digit] of ['2', '3'].entries()) {
    const failed = 2 + 2 * at;
    cluster.run(deployStack(spec(`bad:${digit}`), { source: source(digit), prune: true }));
    cluster.run(giveUpRevision('web', failed, 'a task ended'));
    expect(condition()).toBe(`rolled back to revision ${failed - 1} (commit 111111111111): a task ended`);
    expect(cluster.store.byName('stack', 'web')?.Source).toMatchObject({ Commit: '1'.repeat(40) });
    cluster.run(judgeRevision('web', failed + 1, { State: 'good', Message: '' }));
  }
});

test('one that docker deployed, and that a repository waits for, says what runs and why it is not taken', () => {
  const { cluster } = world();
  cluster.run(
    createService({
      Name: 'hand_app',
      TaskTemplate: { ContainerSpec: { Image: 'app:1' } },
      Mode: { Replicated: { Replicas: 1 } },
      Labels: { 'com.docker.stack.namespace': 'hand' },
    }),
  );
  cluster.run(
    setRepositoryStatus('infra', {
      State: 'held',
      Commit: '1'.repeat(40),
      Message: '',
      Since: '2026-01-01T00:00:00.000Z',
      Held: { hand: 'it is not its own' },
    }),
  );
  const services = [...cluster.store.list('service')].filter(({ Spec }) => Spec.Name === 'hand_app');
  expect(explainLabelled(cluster.store, 'hand', services, now)).toEqual([
    "Stack hand was deployed by docker's own CLI, and belongs to no repository: what is known of it is the label on its services.",
    'It has 1 service:',
    '  hand_app wants 1 task of app:1; 1 run.',
    'All of it is healthy.',
    'The version of commit 111111111111 is held: it is not its own.',
  ]);
});

test('a freeze that somebody opened says for whom, until when and why, and a stack on its way is not said to be well', () => {
  const { cluster, repository } = world();
  cluster.run(setRepositoryStatus('infra', { State: 'synced', Commit: '1'.repeat(40), Message: '', Since: new Date(now).toISOString() }));
  const read = (): string | undefined => repository().find((line) => line.startsWith('The commit rendered last'));
  expect(read()).toMatch(/all its stacks are as that one wants them/);
  const freeze = { Freeze: ['2025-12-31/2026-01-02'] };
  cluster.run(updateRepository('infra', freeze));
  expect(repository()).toContainEqual(expect.stringMatching(/^Repository infra is frozen \(2025-12-31\/2026-01-02\)/));
  cluster.run(thawRepository('infra', { reason: 'the shop is down', forMs: 3_600_000, who: 'Ann' }));
  expect(repository()).toContain('Its freeze (2025-12-31/2026-01-02) is open until 2026-01-01T01:00:00.000Z for Ann: the shop is down.');
  cluster.run(deployStack(spec('slow:2'), { source: source('1'), prune: true }));
  expect(read()).toMatch(/all its stacks have their version of it, though not all are healthy/);
});
