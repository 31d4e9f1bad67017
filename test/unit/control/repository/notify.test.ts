/** Who may be told, what is news, and what of it is shown. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { addTarget, messageSaid, noteVerdict } from '#control/repository/notify';
import { setStackCondition } from '#control/stack/stack-states';
import { createRepository, setRepositoryStatus } from '#control/repository/repositories';
import { shown } from '#api/view/redact';
import type { NotifyTarget } from '#model/git/notify';
import { initialisedCluster } from '#test/support/memory-cluster';

const webhook: Omit<NotifyTarget, 'ID'> = { Kind: 'webhook', URL: 'https://x.example/secret-path', Secret: 'a key' };

function made() {
  let now = Date.UTC(2026, 0, 1);
  const cluster = initialisedCluster({ clock: { now: () => now } });
  const { ID: id } = cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  const repository = () => {
    const found = cluster.store.get('repository', id);
    if (!found) throw new Error('no repository');
    return found;
  };
  const fails = (digit: string, why: string) => {
    cluster.run(setRepositoryStatus('infra', { State: 'degraded', Commit: digit.repeat(40), Message: '', Since: '', Refused: { a: [why] } }));
    cluster.run(noteVerdict(id));
    return repository().Outbox?.length ?? 0;
  };
  return { cluster, id, repository, fails, later: (ms: number) => void (now += ms) };
}

test('what would send a token in plain text, to nobody or to the wrong one is refused', () => {
  const refused: [Partial<Omit<NotifyTarget, 'ID'>>, string][] = [
    [{ URL: 'http://x.example/' }, 'over https://'],
    [{ URL: 'ftp://x.example/' }, 'over https://'],
    [{ URL: 'https://me:pw@x.example/' }, 'without a login'],
    [{ URL: '' }, 'over https://'],
    [{ URL: 'https://x.example:99999/secret-path' }, 'its port cannot be'],
    [{ URL: 'https://[::x]/' }, 'its host'],
    [{ Kind: 'github', Project: 'a/b', Secret: 'tök€n' }, 'Latin-1'],
    [{ Project: 'a/b' }, 'has no project'],
    [{ Kind: 'github' }, 'needs a project'],
    [{ Kind: 'github', Project: 'a/../b?c' }, 'needs a project'],
    [{ Kind: 'slack' }, 'no secret beside'],
    [{ Secret: 'a\nb' }, 'one line'],
  ];
  for (const [more, why] of refused) expect(() => made().cluster.run(addTarget('infra', { ...webhook, ...more }))).toThrow(why);
  // Of a webhook it is a key, and goes out nowhere.
  made().cluster.run(addTarget('infra', { ...webhook, Secret: 'k€y' }));
  const { Secret: _none, ...plain } = webhook;
  expect(() => made().cluster.run(addTarget('infra', { ...plain, Kind: 'gitlab', Project: 'a/b' }))).toThrow('needs a token');
});

test('one failure of a commit is one message, another reason of it is one after an hour, another commit is one at once', () => {
  const { cluster, fails, later, repository, id } = made();
  cluster.run(addTarget('infra', webhook));
  expect([fails('1', 'x'), fails('1', 'x'), fails('1', 'y')]).toEqual([1, 1, 1]);
  cluster.run(messageSaid(id, repository().Outbox?.[0]?.ID ?? ''));
  later(3_600_000);
  expect([fails('1', 'x'), fails('1', 'y')]).toEqual([0, 1]);
  expect(fails('2', 'y')).toBe(2);
  expect(repository().Outbox?.map(({ State, Text }) => `${State} ${Text}`)).toEqual(['failure a: y', 'failure a: y']);
});

test('a failure that is tried again is one message to a chat within the hour, and its end is one; a forge is told what is so now', () => {
  const { cluster, fails, later, repository, id } = made();
  cluster.run(addTarget('infra', webhook));
  cluster.run(addTarget('infra', { Kind: 'github', URL: 'https://x.example', Project: 'a/b', Secret: 'x' }));
  const said = (): string[] => {
    const all = repository().Outbox ?? [];
    for (const { ID } of all) cluster.run(messageSaid(id, ID));
    return all.map(({ Target, State }) => `${repository().Notify?.find(({ ID }) => ID === Target)?.Kind} ${State}`);
  };
  const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/a', Commit: '1'.repeat(40) } as const;
  const isTried = () => {
    cluster.run(setRepositoryStatus('infra', { State: 'synced', Commit: '1'.repeat(40), Message: '', Since: '' }));
    cluster.run(setStackCondition('a', { State: 'pending', Message: '', Since: '' }, source));
    cluster.run(noteVerdict(id));
  };
  const failsNow = (why: string) => {
    cluster.run(setStackCondition('a', { State: 'refused', Message: why, Since: '' }, source));
    fails('1', why);
    return said();
  };
  expect(failsNow('x')).toEqual(['webhook failure', 'github failure']);
  for (const why of ['x', 'y', 'x']) {
    isTried();
    expect([...said(), ...failsNow(why)]).toEqual(['github pending', 'github failure']);
  }
  isTried();
  later(3_600_000);
  expect([...said(), ...failsNow('y')]).toEqual(['github pending', 'webhook failure', 'github failure']);
  isTried();
  said();
  cluster.run(setStackCondition('a', { State: 'applied', Message: '', Since: '' }, source));
  cluster.run(noteVerdict(id));
  expect(said()).toEqual(['webhook success', 'github success']);
});

test('what came with a commit is told as far as it was found for it, and of the stacks some, those that failed first', () => {
  const { cluster, repository, id } = made();
  cluster.run(addTarget('infra', webhook));
  const Commit = '1'.repeat(40);
  const Refused = Object.fromEntries(Array.from({ length: 15 }, (_, number) => [`s${number}`, ['x'.repeat(500)]]));
  cluster.run(setRepositoryStatus('infra', { State: 'degraded', Commit, Message: '', Since: '', Refused }));
  const Commits = [{ ID: Commit, Subject: 'change', Author: 't' }];
  cluster.run(noteVerdict(id, { until: Commit, Commits }));
  const Changes = repository().Outbox?.[0]?.Changes;
  expect([Changes?.Commits, Changes?.Stacks.length, Changes?.MoreStacks]).toEqual([Commits, 10, 5]);
  expect(Changes?.Stacks[0]).toEqual({ Name: 's0', Lines: [], Failed: `${'x'.repeat(159)}…` });
  cluster.run(setRepositoryStatus('infra', { State: 'synced', Commit: '2'.repeat(40), Message: '', Since: '' }));
  // Another one was found meanwhile.
  cluster.run(noteVerdict(id, { until: Commit, Commits }));
  expect(repository().Outbox?.[1]?.Changes).toEqual({ Commits: [], Stacks: [] });
});

test('of many messages that nobody takes the newest alone keep what came with their commits', () => {
  const { cluster, fails, repository } = made();
  cluster.run(addTarget('infra', webhook));
  for (let at = 0; at < 15; at++) fails(at.toString(16), 'x');
  expect(repository().Outbox?.map(({ Changes }) => Changes !== undefined)).toEqual(Array.from({ length: 15 }, (_, at) => at >= 5));
});

test('nobody is told: nothing is written; and of who is told neither secret nor address is shown', () => {
  const { cluster, fails, repository } = made();
  const { index } = cluster.store;
  expect(fails('1', 'x')).toBe(0);
  expect(cluster.store.index).toBe(index + 1);
  cluster.run(addTarget('infra', webhook));
  const text = JSON.stringify(shown('repository', repository()));
  expect(text).toContain('https://x.example/…');
  expect(text).not.toMatch(/a key|secret-path/);
});
