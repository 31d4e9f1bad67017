/** shoal.yml at the top of a repository: which folders are stacks, in which order they come, and what is done for them by itself. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { confirmRepository } from '#control/repository/repositories';
import { newestRevision } from '#control/stack/revisions';
import { updateService } from '#control/service/services';
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

const seen = (condition: () => boolean) => within(30_000, condition, () => `${JSON.stringify(following.status())}\n${following.told().join('\n')}`);
const good = (stack: string) => newestRevision(following.cluster.store, stack)?.Outcome.State === 'good';

test('stacks are the folders that globs lead to, with their files, overrides and the variables of the environment', async () => {
  repository.commit({
    'shoal.yml': `stacks:
  - apps/*
  - { path: infra/d?, files: [base.yml, more.yml], ignore: [deploy.replicas] }
variables: { TAG: "1", WHERE: everywhere }
environments:
  prod: { variables: { TAG: "2" }, files: [extra.yml], env_files: [env/prod.env] }
  test: {}
`,
    'env/prod.env': 'FROM_FILE=yes\n',
    'apps/web/compose.yml': 'services: { web: { image: "web:${TAG}-${WHERE}-${FROM_FILE}" } }',
    'apps/web/compose.override.yml': 'services: { web: { hostname: over } }',
    'apps/web/extra.yml': 'services: { extra: { image: "extra:1" } }',
    'apps/notes/readme.md': 'no stack',
    'infra/db/base.yml': 'services: { db: { image: "db:1" } }',
    'infra/db/more.yml': 'services: { db: { hostname: more } }',
    'stacks/old/compose.yml': stackFile(),
  });
  expect(await following.add(repository.folder, { Environment: 'prod' })).toMatchObject({ State: 'synced' });
  expect(following.stacks()).toEqual(['db', 'web']);
  const { store } = following.cluster;
  const spec = (name: string) => store.byName('service', name)?.Spec;
  expect([following.image('web_web'), spec('web_web')?.TaskTemplate.ContainerSpec?.Hostname]).toEqual(['web:2-everywhere-yes', 'over']);
  expect(following.image('web_extra')).toBe('extra:1');
  expect([spec('db_db')?.TaskTemplate.ContainerSpec?.Hostname, spec('db_db')?.Labels?.['shoal.ignore']]).toEqual(['more', 'deploy.replicas']);
  // Whatever the file says may decide: a change of it alone counts.
  repository.git('mv', 'apps', 'services');
  const text = repository.git('show', 'HEAD:shoal.yml').replace('apps/*', 'services/*').replace('"2"', '"3"');
  repository.commit({ 'shoal.yml': text });
  await following.sync();
  expect(following.image('web_web')).toBe('web:3-everywhere-yes');
});

test('what nobody would read of it is refused or told', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1'), 'shoal.yml': 'stacks: ["stacks/*", "stacks/typo"]\n' });
  const why = 'shoal.yml: stacks: "stacks/typo" leads to no folder with a stack file';
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced', Notes: { 'stacks/typo': [why] } });
  const said = async (files: Record<string, string | undefined>): Promise<string> => {
    repository.commit(files);
    const { State, Message } = await following.sync();
    return `${State} ${Message}`;
  };
  const refused = 'unavailable shoal.yml';
  expect(await said({ 'shoal.yml': 'atomic: false\n---\natomic: true\n' })).toMatch(`${refused}:3:1: another document begins here, and this file has one`);
  expect(await said({ 'shoal.yml': 'stacks: ["stacks/*", "!stacks/a"]\n' })).toMatch(`${refused}:1:22: stacks.1: "!stacks/a": nothing is excluded here`);
  expect(await said({ 'shoal.yml': 'hello\n' })).toMatch(`${refused}:1:1: must be a mapping`);
  expect(await said({ 'shoal.yml': undefined, 'shoal.yaml': 'prune: false\n' })).toBe('unavailable shoal.yaml is not read: call it shoal.yml');
  expect(await said({ 'shoal.yaml': undefined })).toMatch('synced');
});

test('what is wrong in it is said with its place, keys that are not built by name, and what was read last stays', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  repository.commit({ 'shoal.yml': 'staks: [x]\nwaves: [[web]]\n', 'stacks/a/compose.yml': stackFile('app:2') });
  const { State, Message } = await following.sync();
  expect([State, Message.split('\n')]).toEqual([
    'unavailable',
    [
      'shoal.yml:1:1: staks: unknown key staks (did you mean stacks?)',
      'shoal.yml:2:1: waves: is not supported on a cluster (stacks follow one another with `after`; waves are of the services of one stack)',
    ],
  ]);
  expect(following.image('a_web')).toBe('app:1');
  repository.commit({ 'shoal.yml': 'stacks: [stacks/*, other/*]\n', 'other/a/compose.yml': stackFile() });
  await following.sync();
  expect(following.condition('a')?.Errors?.[0]).toContain('stack a is that of folder stacks/a as well');
  expect(following.image('a_web')).toBe('app:1');
  repository.commit({ 'shoal.yml': undefined, other: undefined });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
});

test('a stack comes after others once they are healthy at the same commit, and stays where one of them fails; circles are refused', async () => {
  const order = (more = '') => `stacks:\n  - stacks/*\n  - { path: stacks/web, after: [db] }\n${more}`;
  repository.commit({ 'shoal.yml': order(), 'stacks/db/compose.yml': stackFile('db:1'), 'stacks/web/compose.yml': stackFile('web:1') });
  await following.add(repository.folder);
  expect(following.told().some((line) => line.startsWith('pending web: '))).toBe(true);
  await seen(() => good('db') && good('web'));
  repository.commit({ 'stacks/db/compose.yml': stackFile('bad:2'), 'stacks/web/compose.yml': stackFile('web:2') });
  await following.sync();
  await seen(() => following.condition('db')?.State === 'refused' && following.condition('web')?.State === 'held');
  expect(following.condition('web')?.Message).toBe('it comes after stack db, which is not as the commit wants it');
  expect([following.image('db_web'), following.image('web_web')]).toEqual(['db:1', 'web:1']);
  repository.commit({ 'stacks/db/compose.yml': stackFile('db:3') });
  await following.sync();
  await seen(() => following.image('web_web') === 'web:2');
  repository.commit({ 'shoal.yml': order('  - { path: stacks/db, after: [web] }\n') });
  await following.sync();
  expect(following.condition('db')?.Errors).toEqual(['shoal.yml: stack db: it comes after itself: db after web after db']);
  repository.commit({ 'shoal.yml': 'stacks:\n  - { path: stacks/web, after: [nobody] }\n  - stacks/db\n' });
  await following.sync();
  expect(following.condition('web')?.Errors).toEqual(['shoal.yml: stack web: it comes after nobody, which is no stack of the commit']);
});

test('what a stack has from outside and another stack makes is an order too, without a word; two that need each other come as they are', async () => {
  const user = (image: string, net = 'edge') =>
    `services: { web: { image: "${image}", networks: [${net}] } }\nnetworks: { ${net}: { external: true, name: ${net} } }\n`;
  const maker = (image: string, more = '') =>
    `services: { web: { image: "${image}", networks: [edge] } }\nnetworks: { edge: { name: edge, driver: overlay } }\n${more}`;
  // By their names the user would come first.
  repository.commit({ 'stacks/app/compose.yml': user('app:1'), 'stacks/zone/compose.yml': maker('zone:1') });
  expect(await following.add(repository.folder, { Trust: 'full' })).not.toHaveProperty('Refused');
  expect(following.condition('app')?.Message).toBe('it comes after zone, which is on the way');
  expect(following.image('app_web')).toBeUndefined();
  await seen(() => good('zone') && good('app'));
  // The new version of the one waits for that of the other, and goes on when that fails: what it needs is there.
  repository.commit({ 'stacks/app/compose.yml': user('app:2'), 'stacks/zone/compose.yml': maker('bad:2') });
  await following.sync();
  expect(following.image('app_web')).toBe('app:1');
  await seen(() => following.condition('zone')?.State === 'refused' && following.image('app_web') === 'app:2');
  const both =
    'services: { web: { image: "zone:3", networks: [edge, back] } }\nnetworks: { edge: { name: edge, driver: overlay }, back: { external: true, name: back } }\n';
  const other =
    'services: { web: { image: "app:3", networks: [edge, back] } }\nnetworks: { back: { name: back, driver: overlay }, edge: { external: true, name: edge } }\n';
  repository.commit({ 'stacks/app/compose.yml': other, 'stacks/zone/compose.yml': both });
  await following.sync();
  await following.sync();
  await seen(() => following.image('app_web') === 'app:3' && following.image('zone_web') === 'zone:3');
});

test('sync by hand waits for a word, what is pruned and what is healed can be left', async () => {
  const two = 'services: { web: { image: "app:1" }, more: { image: "more:1" } }';
  repository.commit({
    'shoal.yml': 'sync: { mode: manual, prune: false, self_heal: false }\n',
    'stacks/a/compose.yml': two,
    'stacks/b/compose.yml': stackFile('b:1'),
  });
  const first = await following.add(repository.folder);
  expect([first.State, first.Held?.['a']]).toEqual([
    'held',
    expect.stringMatching(/^its sync is manual: `shoal repo confirm infra --commit [0-9a-f]{12}` applies it$/),
  ]);
  expect(following.image('a_web')).toBeUndefined();
  const { cluster } = following;
  const confirm = async () => {
    cluster.run(confirmRepository('infra', following.status().Commit ?? ''));
    await following.sync();
  };
  await confirm();
  expect(following.image('a_web')).toBe('app:1');
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2'), 'stacks/b': undefined });
  await following.sync();
  await confirm();
  expect([following.image('a_web'), following.image('a_more'), following.image('b_web')]).toEqual(['app:2', 'more:1', 'b:1']);
  const service = cluster.store.byName('service', 'a_web');
  if (!service) throw new Error('no service');
  cluster.run(updateService(service.ID, service.Version.Index, { ...service.Spec, Mode: { Replicated: { Replicas: 3 } } }));
  await seen(() => following.gitops.waiting('a')?.drift === true);
  expect(cluster.store.byName('service', 'a_web')?.Spec.Mode).toEqual({ Replicated: { Replicas: 3 } });
});

test('a stack that is gone runs on for the grace of shoal.yml and goes by itself; one that is none is refused with its place', async () => {
  const stacks = Object.fromEntries(['a', 'b', 'c'].map((name) => [`stacks/${name}/compose.yml`, stackFile('app:1')]));
  repository.commit({ 'shoal.yml': 'sync: { grace: 1s }\n', ...stacks });
  await following.add(repository.folder);
  const gone = repository.commit({ 'stacks/b': undefined });
  await following.sync();
  await seen(() => following.image('b_web') === undefined);
  const own = following.told().filter((line) => /^(leaving|removed)/.test(line));
  expect(own.map((line) => line.split(' ')[0]?.replace(/\W/g, ''))).toEqual(['leaving', 'removed']);
  expect(own[0]).toContain(gone.slice(0, 12));
  for (const [text, why] of [
    ['sync: { grace: soon }', 'shoal.yml:1:9: sync.grace'],
    ['sync: { grace: 800h }', 'shoal.yml: sync.grace: the grace of stacks that are gone is between 0s and 720h'],
    ['stacks: [{ path: stacks/*, sync: { grace: 1s } }]', '`sync` of the whole repository has the grace'],
  ] as const) {
    repository.commit({ 'shoal.yml': `${text}\n` });
    expect((await following.sync()).Message).toContain(why);
  }
  expect(following.image('a_web')).toBe('app:1');
});
