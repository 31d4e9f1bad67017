/** What is said of a commit follows from how the stacks stand, whatever commit brought that. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository, setRepositoryStatus, suspendRepository } from '#control/repository/repositories';
import { commitVerdict, stackVerdicts, verdictOf } from '#control/repository/told/verdict';
import { judgeRevision } from '#control/stack/revisions';
import { giveUpRevision } from '#control/stack/stack-rollback';
import { setStackCondition, suspendStack } from '#control/stack/stack-states';
import { deployStack } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';

const now = Date.UTC(2026, 0, 1);
const [first, bad, readme] = ['1', '2', '3'].map((digit) => digit.repeat(40)) as [string, string, string];

const spec = (image: string): StackSpec => ({
  Name: 'web',
  Networks: [],
  Secrets: [],
  Configs: [],
  Services: [{ Name: 'web_app', TaskTemplate: { ContainerSpec: { Image: image } }, Mode: { Replicated: { Replicas: 1 } } }],
  External: { Networks: [], Secrets: [], Configs: [] },
});

/** One good version, and a second one that is not judged yet; then a commit that changes no stack. */
function made() {
  const cluster = initialisedCluster({ clock: { now: () => now } });
  const { ID: id } = cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  const deploy = (image: string, Commit: string) =>
    cluster.run(deployStack(spec(image), { source: { Kind: 'repository', Repository: 'infra', Path: 'stacks/web', Commit }, prune: true, digest: image }));
  const at = (Commit: string, more: object = {}) => cluster.run(setRepositoryStatus('infra', { State: 'synced', Commit, Message: '', Since: '', ...more }));
  deploy('app:1', first);
  cluster.run(judgeRevision('web', 1, { State: 'good', Message: '' }));
  deploy('bad:2', bad);
  at(readme);
  const said = () => {
    const repository = cluster.store.get('repository', id);
    if (!repository) throw new Error('no repository');
    const [stack, ...more] = stackVerdicts(cluster.store, repository);
    expect(more).toEqual([]);
    return { ...stack, told: verdictOf(cluster.store, repository, now)?.State };
  };
  return { cluster, at, said };
}

test('a version that is still on its way, or failed and stays, decides for a commit that changes nothing', () => {
  const { cluster, said } = made();
  expect(said()).toEqual({ name: 'web', state: 'pending', text: '', told: 'pending' });
  cluster.run(judgeRevision('web', 2, { State: 'failed', Message: 'it does not become healthy' }));
  expect(said()).toEqual({ name: 'web', state: 'failure', text: 'failed: it does not become healthy', exit: 4, told: 'failure' });
  cluster.run(judgeRevision('web', 2, { State: 'good', Message: '' }));
  expect(said()).toEqual({ name: 'web', state: 'success', text: '', told: 'success' });
});

test('what was given up, refused or held decides, though another commit said so', () => {
  const { cluster, said } = made();
  cluster.run(giveUpRevision('web', 2, 'it is bad'));
  expect(said()).toMatchObject({
    state: 'failure',
    text: expect.stringMatching(/^refused: rolled back to revision 1 .*: it is bad$/) as string,
    exit: 3,
    told: 'failure',
  });
  const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/web', Commit: first } as const;
  cluster.run(setStackCondition('web', { State: 'held', Message: 'much would go', Commit: bad, Since: '' }, source));
  expect(said()).toMatchObject({ state: 'failure', text: 'held: much would go', exit: 1, told: 'failure' });
});

test('a suspended stack is no success: nothing is deployed before that ends', () => {
  const { cluster, said } = made();
  cluster.run(judgeRevision('web', 2, { State: 'good', Message: '' }));
  cluster.run(suspendStack('web', true));
  expect(said()).toEqual({ name: 'web', state: 'waits', text: 'suspended: it is deployed when that ends', told: 'pending' });
});

test('what the last look left undone decides though the stack itself is in order', () => {
  const { cluster, at, said } = made();
  cluster.run(judgeRevision('web', 2, { State: 'good', Message: '' }));
  at(readme, { State: 'degraded', Refused: { web: ['it cannot be removed'] } });
  expect(said()).toEqual({ name: 'web', state: 'failure', text: 'it cannot be removed', exit: 1, told: 'failure' });
});

test('who waits for a commit has the exit code of a deploy, and waits while the repository is elsewhere', () => {
  const waited = ({ cluster }: ReturnType<typeof made>, commit = readme) => {
    const repository = cluster.store.byName('repository', 'infra');
    if (!repository) throw new Error('no repository');
    const { State, Exit, Text } = commitVerdict(cluster.store, repository, commit, now);
    return [State, Exit, Text];
  };
  const well = made();
  expect(waited(well, bad)).toEqual(['pending', 4, `the repository is at commit ${readme.slice(0, 12)}`]);
  expect(waited(well)).toEqual(['pending', 4, 'web on the way']);
  well.cluster.run(judgeRevision('web', 2, { State: 'good', Message: '' }));
  expect(waited(well)).toEqual(['success', 0, '1 stack as commit 333333333333 wants them']);
  well.at(readme, { State: 'unavailable', Message: 'the server is silent' });
  expect(waited(well)).toEqual(['pending', 4, 'the server is silent']);
  well.at(readme);
  well.cluster.run(suspendRepository('infra', true));
  expect(waited(well)).toEqual(['pending', 4, 'the repository is suspended']);
  const ill = made();
  ill.cluster.run(giveUpRevision('web', 2, 'it is bad'));
  expect(waited(ill)).toEqual(['failure', 3, expect.stringContaining('it is bad')]);
  ill.at(readme, { State: 'degraded', Refused: { other: ['it does not render'] } });
  expect(waited(ill)).toEqual(['failure', 3, expect.stringContaining('other: it does not render')]);
});
