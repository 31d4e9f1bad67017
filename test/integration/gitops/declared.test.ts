/** What shoal.yml says beside the stacks: windows, who is told, and other repositories. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explainRepository } from '#control/explain/repository';
import { removeTarget } from '#control/repository/notify';
import { confirmRepository, removeRepository, suspendRepository, updateRepository } from '#control/repository/repositories';
import { thawRepository } from '#control/repository/stillness';
import { sealingOf } from '#control/sealing';
import { sealingFor } from '#control/repository/repository-sealing';
import { seal } from '#sealing/age';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

let repository: GitRepository;
let other: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  other = new GitRepository();
  following = await new Following(initialisedCluster({ clock: realClock })).start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
  other.remove();
});

const always = '2000-01-01/2100-01-01';
const known = (name = 'infra') => following.cluster.store.byName('repository', name);
const seen = (condition: () => boolean) =>
  within(60_000, condition, () => `${JSON.stringify([...following.cluster.store.list('repository')])}\n${following.told().join('\n')}`);
const sealed = async (text: string) => seal(sealingFor(sealingOf(following.cluster.store) ?? { Identity: '' }, 'infra').Recipient, Buffer.from(text));

test('a window of shoal.yml holds as the operator’s do, also against the commit that lifts it, until somebody opens it with a reason', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  repository.commit({ 'shoal.yml': `windows: ["${always}"]\n`, 'stacks/a/compose.yml': stackFile('app:2') });
  await following.sync();
  expect([following.image('a_web'), known()?.Declared]).toEqual(['app:1', { Freeze: [always] }]);
  repository.commit({ 'shoal.yml': undefined });
  await following.sync();
  expect(following.image('a_web')).toBe('app:1');
  following.cluster.run(thawRepository('infra', { reason: 'the site is down', forMs: 60_000, who: 'ops' }));
  await seen(() => following.image('a_web') === 'app:2');
  expect([known()?.Declared, following.told().some((line) => line.includes('the site is down'))]).toEqual([undefined, true]);
  // One that is not understood holds nothing, so nothing of its commit comes.
  repository.commit({ 'shoal.yml': 'windows: ["never"]\n', 'stacks/a/compose.yml': stackFile('app:3') });
  expect((await following.sync()).Message).toMatch(/^shoal\.yml:1:11: windows\.0: "never" is no freeze window: /);
  expect(following.image('a_web')).toBe('app:2');
});

test('who is told stands in shoal.yml, with secrets that are sealed, and within what a repository of limited trust is allowed', async () => {
  const entry = 'notifications:\n  - { kind: webhook, url: "https://alerts.example.org/x", secret_file: keys/hook }\n';
  repository.commit({ 'shoal.yml': entry, 'keys/hook': 'open', 'stacks/a/compose.yml': stackFile('app:1') });
  const { Message } = await following.add(repository.folder);
  expect(Message).toBe('shoal.yml: notifications.0.secret_file: keys/hook lies open: `shoal secret seal` encrypts it for the cluster');
  repository.commit({ 'keys/hook': await sealed('hush-hush') });
  const refused = await following.sync();
  const explained = explainRepository(following.cluster.store, following.cluster.store.byName('repository', 'infra') ?? ({} as never), 0).join('\n');
  expect(explained).toMatch(/^Refused: shoal\.yml: notifications\.\d: alerts\.example\.org is not told/m);
  expect(explained).not.toMatch(/^ {2}notifications/m);
  expect(refused.Refused?.['notifications']?.[0]).toContain('`shoal repo update infra --allow notify=alerts.example.org`');
  expect([following.image('a_web'), known()?.Notify]).toEqual(['app:1', undefined]);
  following.cluster.run(updateRepository('infra', { Allow: ['notify=alerts.example.org'] }));
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(known()?.Notify).toMatchObject([{ Kind: 'webhook', URL: 'https://alerts.example.org/x', Secret: 'hush-hush', Declared: true }]);
  expect(() => following.cluster.run(removeTarget('infra', known()?.Notify?.[0]?.ID ?? ''))).toThrow('because its shoal.yml says so');
  const id = known()?.Notify?.[0]?.ID;
  repository.commit({ 'shoal.yml': `${entry}${entry.split('\n')[1]}\n` });
  await following.sync();
  // Whoever stands there twice is told once.
  expect(known()?.Notify?.map(({ ID }) => ID)).toEqual([id]);
  repository.commit({ 'shoal.yml': undefined });
  await following.sync();
  expect(known()?.Notify).toBeUndefined();
});

const child = (more = '') => `repositories:\n  - { name: shop, url: "${other.folder}", interval: 1h${more} }\n`;

test('a repository declares others, which follow its file, end only with a word, and then with all that they made', async () => {
  other.commit({ 'stacks/web/compose.yml': stackFile('web:1') });
  repository.commit({ 'shoal.yml': child(', variables: { A: "1" }'), 'stacks/a/compose.yml': stackFile('app:1') });
  expect(await following.add(repository.folder, { Trust: 'full' })).toMatchObject({ State: 'synced' });
  await seen(() => following.image('web_web') === 'web:1');
  // With a login of its own it is as it was at the second look, and in a plan.
  repository.commit({
    'keys/shop': await sealed('hush-hush'),
    'shoal.yml': `${child(', variables: { A: "1" }')}  - { name: far, url: "https://localhost:1/x.git", token_file: keys/shop }\n`,
  });
  await following.sync();
  const far = known('far')?.Spec;
  expect(far?.Credentials).toEqual({ Username: 'oauth2', Password: 'hush-hush' });
  repository.commit({ 'README.md': 'more' });
  await following.sync();
  expect(known('far')?.Spec).toEqual(far);
  repository.git('branch', 'change');
  expect((await following.gitops.planCommit('infra', 'change')).declared).toBeUndefined();
  expect(following.told().filter((line) => line.startsWith('declared infra: '))).toEqual([
    'declared infra: repository shop is followed',
    'declared infra: repository far is followed',
  ]);
  expect(known('shop')).toMatchObject({ Parent: known()?.ID, Spec: { Trust: 'limited', Variables: { A: '1' } } });
  expect(() => following.cluster.run(updateRepository('shop', { Trust: 'full' }))).toThrow('is declared by repository infra');
  expect(() => following.cluster.run(removeRepository('shop'))).toThrow('change it there');
  other.commit({ 'other/site/compose.yml': stackFile('site:1') });
  repository.commit({ 'shoal.yml': child(', path: other') });
  await following.sync();
  await seen(() => known('shop')?.Spec.Path === 'other' && known('shop')?.Status.State === 'held');
  repository.commit({ 'shoal.yml': child() });
  await following.sync();
  await seen(() => known('shop')?.Status.State === 'synced');
  // It goes from the file: nothing ends before somebody says so.
  repository.commit({ 'shoal.yml': undefined });
  const held = await following.sync();
  expect(Object.keys(held.Held ?? {}).toSorted()).toEqual(['repository far', 'repository shop']);
  expect([held.State, held.Held?.['repository shop']]).toEqual([
    'held',
    expect.stringMatching(/^shop is not declared any more: .* with it 1 stack; .*`shoal repo confirm infra --commit /),
  ]);
  expect(following.image('web_web')).toBe('web:1');
  following.cluster.run(confirmRepository('infra', held.Commit ?? ''));
  await seen(() => known('shop') === undefined);
  expect([following.image('web_web'), following.image('a_web')]).toEqual([undefined, 'app:1']);
  await seen(() => known()?.Status.State === 'synced' && known()?.Confirmed === undefined);
});

test('what a repository declares is bounded by what it may itself; names, circles and depth are refused by name', async () => {
  other.commit({ 'stacks/web/compose.yml': stackFile('web:1'), 'shoal.yml': `repositories:\n  - { name: back, url: "${repository.folder}" }\n` });
  repository.commit({ 'shoal.yml': child(', allow: [privileged, mounts=/srv/x]'), 'stacks/a/compose.yml': stackFile('app:1') });
  const reason = async () => (await following.sync()).Refused?.['repository shop']?.[0];
  await following.add(repository.folder, { Allow: ['mounts=/srv'] });
  expect(await reason()).toContain(`\`shoal repo update infra --allow repositories=${other.folder}\``);
  following.cluster.run(updateRepository('infra', { Allow: [`repositories=${join(other.folder, '..')}`] }));
  expect(await reason()).toContain('privileged is not allowed to infra itself');
  following.cluster.run(updateRepository('infra', { Allow: ['privileged'] }));
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(known('shop')?.Spec.Allow).toEqual(['mounts=/srv/x', 'privileged']);
  // What is taken from it is taken from those that it declares.
  following.cluster.run(updateRepository('infra', { Disallow: ['privileged'] }));
  expect(await reason()).toContain('privileged is not allowed to infra itself');
  expect(known('shop')?.Spec.Allow).toEqual(['mounts=/srv/x']);
  // Also while nothing of the parent is looked at.
  following.cluster.run(suspendRepository('infra', true));
  following.cluster.run(updateRepository('infra', { Disallow: [`repositories=${join(other.folder, '..')}`], Allow: ['repositories=/'] }));
  other.commit({ 'stacks/web/compose.yml': stackFile('web:2', '    volumes: ["/srv/x/y:/y"]\n') });
  await following.sync('shop');
  expect(following.image('web_web')).toBe('web:2');
  following.cluster.run(updateRepository('infra', { Disallow: ['mounts=/srv'] }));
  other.commit({ 'stacks/web/compose.yml': stackFile('web:3', '    volumes: ["/srv/x/y:/y"]\n') });
  await following.sync('shop');
  expect([following.image('web_web'), following.condition('web')?.Errors?.[0]]).toEqual([
    'web:2',
    expect.stringContaining('repository infra may not have this'),
  ]);
  other.commit({ 'stacks/web/compose.yml': stackFile('web:4') });
  following.cluster.run(updateRepository('infra', { Disallow: ['repositories=/'], Allow: ['mounts=/srv', `repositories=${join(other.folder, '..')}`] }));
  following.cluster.run(suspendRepository('infra', false));
  await following.sync();
  // It declares the one that declares it.
  await following.sync('shop');
  expect(known('shop')?.Status.Refused?.['repository back']?.[0]).toBe(
    'shoal.yml: repositories: back is where infra is, which declares it: infra declares shop declares back',
  );
  repository.commit({ 'shoal.yml': `${child()}  - { name: infra, url: /srv/x }\n  - { name: shop, url: /srv/y }\n` });
  expect((await following.sync()).Message).toBe('shoal.yml: repositories: shop stands there twice');
  repository.commit({ 'shoal.yml': `${child()}  - { name: infra, url: /srv/x }\n  - { name: own, url: ., path: own, trust: full }\n` });
  const { Refused } = await following.sync();
  expect(Refused?.['repository infra']?.[0]).toBe('shoal.yml: repositories: infra is there already, and was added by an operator');
  expect(Refused?.['repository own']?.[0]).toContain('trust: full is more than infra has');
});

test('repositories are declared at most three deep, and one at the same place has what that place was given', async () => {
  const all = Array.from({ length: 5 }, () => new GitRepository());
  try {
    for (const [at, each] of all.entries())
      each.commit({ 'shoal.yml': all[at + 1] ? `repositories:\n  - { name: deep${at + 1}, url: "${all[at + 1]?.folder}", trust: full }\n` : '' });
    await following.add(all[0]?.folder ?? '', { Trust: 'full' });
    await seen(() => known('deep3')?.Status.Refused !== undefined);
    expect(known('deep3')?.Status.Refused?.['repository deep4']?.[0]).toContain('deep4 would lie 4 below infra, which an operator added: at most 3');
    // Another environment of the same files does not declare once more what stands in them.
    mkdirSync(join(all[4]?.folder ?? '', 'x'));
    all[4]?.commit({
      'shoal.yml': 'repositories:\n  - { name: test, url: ., environment: test }\n',
      'stacks/t/compose.yml': stackFile(),
      'stacks/t/compose.test.yml': stackFile('t:9'),
    });
    await following.add(all[4]?.folder ?? '', { Name: 'top', Path: 'none', Trust: 'full' });
    await seen(() => following.image('t_web') === 't:9');
    expect(known('test')?.Status).toMatchObject({ State: 'synced' });
  } finally {
    for (const each of all) each.remove();
  }
});

test('stacks stay with the last of them gone, where `prune` is false', async () => {
  repository.commit({ 'shoal.yml': 'sync: { prune: false }\n', 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  repository.commit({ 'stacks/a': undefined, 'stacks/readme.md': 'empty' });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:1');
});
