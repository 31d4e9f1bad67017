/** What a commit, a change by hand and a rollback make of the cluster, and what is said of them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeConfig } from '#control/configs';
import { removeNetwork } from '#control/networks';
import { confirmRepository, removeRepository, suspendRepository } from '#control/repository/repositories';
import { removeService, updateService } from '#control/service/services';
import { judgeRevision, newestRevision } from '#control/stack/revisions';
import { adoptStack, suspendStack } from '#control/stack/stack-states';
import { deployStack, removeStackByHand } from '#control/stack/stacks';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import { remove, update } from '#store/action';
import { startApi } from '#test/support/api-fixture';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following().start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

const site = {
  'stacks/site/compose.yml': `services:
  web:
    image: web:1
    environment: { TOKEN: s3cret-one }
    configs: [page]
    secrets: [key]
  db:
    image: db:1
configs:
  page: { file: page.html }
secrets:
  key: { file: key.txt }
`,
  'stacks/site/page.html': 'one',
  'stacks/site/key.txt': 'key-one',
};

function service(name: string): Service {
  const found = following.cluster.store.byName('service', name);
  if (!found) throw new Error(`no service ${name}`);
  return found;
}

function edit(name: string, change: (spec: ServiceSpec) => ServiceSpec): void {
  const { ID, Version, Spec } = service(name);
  following.cluster.run(updateService(ID, Version.Index, change(Spec)));
}

const names = (kind: 'config' | 'secret' | 'network' | 'service') => [...following.cluster.store.list(kind)].map((object) => object.Spec.Name).toSorted();
const settled = (condition: () => boolean) => within(5000, condition, () => `${JSON.stringify(following.status())}\n${following.told().join('\n')}`);

test('nothing changed is no entry at all, also after a restart and for a commit elsewhere in the repository', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  const { entries } = following.cluster;
  await following.sync();
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
  await following.restart();
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
  repository.commit({ 'README.md': 'new' });
  await following.sync();
  // The repository's own status names the new commit.
  expect(following.cluster.entries).toBe(entries + 1);
  expect(service('site_web').Version.Index).toBeLessThan(following.cluster.store.index);
});

test('a changed file of a config or secret is a new version, rolls its users only, and the old one goes when no rollback needs it', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  const [before] = names('config');
  const db = service('site_db');
  repository.commit({ 'stacks/site/page.html': 'two' });
  await following.sync();
  const after = names('config').filter((name) => name !== before);
  expect(after).toHaveLength(1);
  expect(after[0]).toMatch(/^site_page-2$/);
  expect(names('config')).toContain(before);
  expect(service('site_db')).toEqual(db);
  expect(service('site_web').Spec.TaskTemplate.ContainerSpec?.Configs?.map((reference) => reference.ConfigName)).toEqual(after);
  expect(following.told().at(-2)).toContain(`site_web TaskTemplate.ContainerSpec.Configs: ${before} → ${after[0]}`);
  repository.commit({ 'stacks/site/key.txt': 'key-two' });
  await following.sync();
  expect(names('config')).toEqual(after);
  expect(names('secret')).toHaveLength(2);
  expect(service('site_db')).toEqual(db);
  const said = JSON.stringify([following.told(), following.logged]);
  for (const value of ['key-one', 'key-two', 's3cret', Buffer.from('key-two').toString('base64')]) expect(said).not.toContain(value);
});

test('a changed variable is named, its value is not', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  repository.commit({ 'stacks/site/compose.yml': site['stacks/site/compose.yml'].replace('s3cret-one', 's3cret-two') });
  await following.sync();
  expect(following.told().join('\n')).toContain('site_web TaskTemplate.ContainerSpec.Env: TOKEN');
  expect(JSON.stringify([following.told(), following.logged, following.status()])).not.toContain('s3cret');
});

test('one bad stack is refused whole with every error; its neighbours follow, and mending it is seen', async () => {
  repository.commit({ ...site, 'stacks/other/compose.yml': stackFile() });
  const { Commit: first } = await following.add(repository.folder);
  const before = service('site_web');
  const Commit = repository.commit({
    'stacks/site/compose.yml': 'services:\n  web:\n    image: web:2\n    nonsense: 1\n    ports: ["x:y"]\n  db:\n    build: [\n',
    'stacks/other/compose.yml': stackFile('app:2'),
  });
  const status = await following.sync();
  expect(status).toMatchObject({ State: 'degraded', Commit, Message: expect.stringContaining('1 of 2 stacks refused: site: stacks/site/compose.yml:') });
  expect(service('site_web')).toEqual(before);
  expect(following.image('other_web')).toBe('app:2');
  expect(following.condition('site')).toMatchObject({ State: 'refused', Commit, Errors: status.Refused?.['site'] });
  expect(following.cluster.store.byName('stack', 'site')?.Source).toMatchObject({ Commit: first });
  repository.commit({ 'stacks/site/compose.yml': 'services:\n  web:\n    image: 5\n    nonsense: 1\n  db:\n    image: db:2\n    alsowrong: 2\n' });
  await following.sync();
  const errors = following.condition('site')?.Errors ?? [];
  expect(errors.length).toBeGreaterThanOrEqual(2);
  for (const error of errors) expect(error).toMatch(/^stacks\/site\/compose\.yml:\d+:\d+: /);
  const { entries } = following.cluster;
  await following.restart();
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
  repository.commit({ 'stacks/site/compose.yml': site['stacks/site/compose.yml'] });
  expect(await following.sync()).toMatchObject({ State: 'synced', Message: '' });
  expect(following.condition('site')).toMatchObject({ State: 'applied', Message: '' });
  expect(service('site_web').Spec).toEqual(before.Spec);
});

test('what only the cluster can refuse is refused too: a port that is taken', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('a', '    ports: ["8080:80"]\n'), 'stacks/b/compose.yml': stackFile('b', '    ports: ["8080:80"]\n') });
  expect(await following.add(repository.folder)).toMatchObject({ State: 'degraded' });
  expect(following.condition('b')?.Message).toMatch(/^stacks\/b\/compose.yml:2:3: .*port '8080' is already in use/);
  expect(following.image('b_web')).toBeUndefined();
});

test('a folder that is gone takes its stack along only if the repository owns it', async () => {
  repository.commit({ ...site, 'stacks/last/compose.yml': stackFile() });
  await following.add(repository.folder);
  const byHand = { Name: 'hand', Networks: [], Secrets: [], Configs: [], Services: [], External: { Networks: [], Secrets: [], Configs: [] } };
  following.cluster.run(
    deployStack({ ...byHand, Services: [{ Name: 'hand_web', TaskTemplate: { ContainerSpec: { Image: 'x' } } }] }, { source: { Kind: 'deploy' }, prune: true }),
  );
  repository.commit({ 'stacks/site': undefined });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  // Not before the rest is well.
  expect(following.condition('site')?.Message).toBe('it goes when what comes is well, and last is not yet');
  following.cluster.run(judgeRevision('last', 1, { State: 'good', Message: '' }));
  await settled(() => following.stacks().length === 2);
  expect(following.stacks()).toEqual(['hand', 'last']);
  expect(names('service')).toEqual(['hand_web', 'last_web']);
  expect([...names('config'), ...names('secret')]).toEqual([]);
  expect(following.told()).toContain('removed site: stacks/site is no longer in repository infra');
  const Commit = repository.commit({ stacks: undefined });
  expect(await following.sync()).toMatchObject({ State: 'held', Held: { last: expect.stringContaining('shoal repo confirm infra --commit') } });
  expect(following.stacks()).toEqual(['hand', 'last']);
  following.cluster.run(confirmRepository('infra', Commit));
  await settled(() => following.stacks().length === 1);
  expect(following.stacks()).toEqual(['hand']);
});

test('a stack that somebody deployed by hand is held until it is given to the repository', async () => {
  const Commit = repository.commit({ 'stacks/site/compose.yml': stackFile('app:2') });
  const spec = { Name: 'site', Networks: [], Secrets: [], Configs: [], External: { Networks: [], Secrets: [], Configs: [] } };
  const Services = ['site_web', 'site_extra', 'site_more'].map((Name) => ({ Name, TaskTemplate: { ContainerSpec: { Image: 'app:1' } } }));
  following.cluster.run(deployStack({ ...spec, Services }, { source: { Kind: 'deploy' }, prune: true }));
  const { entries } = following.cluster;
  expect(await following.add(repository.folder)).toMatchObject({ State: 'held', Held: { site: expect.stringContaining('shoal stack adopt site') } });
  // The repository itself, and its status.
  expect(following.cluster.entries).toBe(entries + 2);
  expect(names('service')).toEqual(['site_extra', 'site_more', 'site_web']);
  following.cluster.run(adoptStack('site', { Kind: 'repository', Repository: 'infra', Path: 'stacks/site', Commit }));
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('site_web')).toBe('app:2');
  // The others go when that is healthy, which nothing is here.
  expect(following.cluster.store.byName('stack', 'site')?.Rollout).toMatchObject({ Left: [], Prunes: true });
  expect(following.cluster.store.byName('stack', 'site')?.Source).toMatchObject({ Kind: 'repository', Repository: 'infra' });
});

test('of two repositories with the same stack the first keeps it, and they do not fight', async () => {
  repository.commit({ 'stacks/site/compose.yml': stackFile('mine:1') });
  const other = new GitRepository();
  try {
    other.commit({ 'stacks/site/compose.yml': stackFile('theirs:1'), 'stacks/own/compose.yml': stackFile() });
    await following.add(repository.folder);
    const status = await following.add(other.folder, { Name: 'other' });
    expect(status).toMatchObject({ State: 'held', Held: { site: expect.stringContaining('belongs to stacks/site of repository infra') } });
    expect(following.condition('site')).toMatchObject({ State: 'applied' });
    expect([following.image('site_web'), following.image('own_web')]).toEqual(['mine:1', 'app:1']);
    const { entries } = following.cluster;
    const told = following.told().length;
    for (let round = 0; round < 3; round++) for (const name of ['infra', 'other']) await following.sync(name);
    expect(following.cluster.entries).toBe(entries);
    expect(following.told()).toHaveLength(told);
    following.cluster.run(removeRepository('infra'));
    expect(await following.sync('other')).toMatchObject({ State: 'held' });
    expect(following.image('site_web')).toBe('mine:1');
    const Commit = following.status('other').Commit ?? '';
    following.cluster.run(adoptStack('site', { Kind: 'repository', Repository: 'other', Path: 'stacks/site', Commit }));
    expect(await following.sync('other')).toMatchObject({ State: 'synced' });
    expect(following.image('site_web')).toBe('theirs:1');
  } finally {
    other.remove();
  }
});

test.each<[string, () => void, RegExp]>([
  [
    'scale',
    () => edit('site_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 5 } } })),
    /drift reverted site: .*: changed by hand: site_web Mode\.Replicated\.Replicas: 5 → 1/,
  ],
  [
    'update',
    () => edit('site_db', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { Image: 'evil' } } })),
    /changed by hand: .*site_db TaskTemplate\.ContainerSpec\.Image: "evil" → "db:1"/,
  ],
  ['label', () => edit('site_db', (spec) => ({ ...spec, Labels: { ...spec.Labels, extra: 'x' } })), /changed by hand: site_db Labels\.extra: "x" → nothing/],
  ['rm', () => following.cluster.run(removeService('site_db')), /drift reverted site: .*: changed by hand: site_db is missing/],
  ['stack rm', () => void following.cluster.run(removeStackByHand('site', true)), /drift reverted site: .*: changed by hand: .*site_db is missing/],
  [
    'rollback',
    () => following.cluster.run(updateService('site_db', service('site_db').Version.Index, service('site_db').Spec, { rollback: 'previous' })),
    /changed by hand: site_db .*"db:0" → "db:1"/,
  ],
])('a manual %s is seen and reverted, and the event says what it was', async (_what, change, said) => {
  repository.commit({ ...site, 'stacks/site/compose.yml': site['stacks/site/compose.yml'].replace('db:1', 'db:0') });
  await following.add(repository.folder);
  repository.commit(site);
  await following.sync();
  const specs = () => JSON.stringify(['site_web', 'site_db'].map((name) => following.cluster.store.byName('service', name)?.Spec));
  const wanted = specs();
  change();
  expect(specs()).not.toBe(wanted);
  await settled(() => following.told().some((line) => line.startsWith('drift reverted')));
  expect(following.told().join('\n')).toMatch(said);
  expect(specs().replaceAll(/"(Secret|Config)ID":"\w+"|"Target":"\w{25}"/g, '')).toBe(wanted.replaceAll(/"(Secret|Config)ID":"\w+"|"Target":"\w{25}"/g, ''));
});

test.each<[string, Record<string, string>, string]>([
  ['held', { 'stacks/site/compose.yml': 'services:\n  cache:\n    image: cache:1\n' }, 'held'],
  ['refused', { 'stacks/site/compose.yml': 'services: [no]\n' }, 'refused'],
])('while the next version is %s the one in force stays: changes by hand are reverted, also after a restart', async (_what, next, state) => {
  repository.commit(site);
  await following.add(repository.folder);
  const specs = () => JSON.stringify(following.cluster.store.byName('service', 'site_web')?.Spec.Mode);
  const wanted = specs();
  repository.commit(next);
  await following.sync();
  for (const restarts of [false, true]) {
    if (restarts) await following.restart();
    await following.sync();
    const waiting = following.condition('site');
    expect(waiting?.State).toBe(state);
    const reverted = () => following.told().filter((line) => line.startsWith('drift reverted site')).length;
    const before = reverted();
    edit('site_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 5 } } }));
    await settled(() => reverted() > before);
    expect(following.told().findLast((line) => line.startsWith('drift reverted site'))).toContain('changed by hand: site_web Mode.Replicated.Replicas: 5 → 1');
    expect(specs()).toBe(wanted);
    expect(following.condition('site')).toEqual(waiting);
    expect(following.status().State).toBe(state === 'held' ? 'held' : 'degraded');
    // The run that reverted it, and the look that it caused, are over.
    for (let look = 0; look < 2; look++) await following.sync();
    const { entries } = following.cluster;
    await following.sync();
    expect(following.cluster.entries).toBe(entries);
  }
});

test('while a repository is suspended nothing of it is written, whatever it holds and whoever changes what', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  following.cluster.run(suspendRepository('infra', true));
  edit('site_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 5 } } }));
  await following.sync();
  const { entries } = following.cluster;
  for (const text of [site['stacks/site/compose.yml'].replace('db:1', 'db:9'), 'services: [no]\n']) {
    repository.commit({ 'stacks/site/compose.yml': text });
    await following.sync();
    expect(following.gitops.waiting('site')).toBeDefined();
  }
  expect(following.cluster.entries).toBe(entries);
});

test('a change by hand of a suspended stack stands as drifted, with its paths, until it is reverted', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  following.cluster.run(suspendStack('site', true));
  edit('site_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 5 } } }));
  await settled(() => following.gitops.waiting('site') !== undefined);
  expect(following.gitops.waiting('site')).toEqual({ drift: true, lines: ['site_web Mode.Replicated.Replicas: 5 → 1'] });
  const api = await startApi({ cluster: following.cluster, waiting: (stack) => following.gitops.waiting(stack) });
  try {
    const [stack] = (await api.http('GET', '/shoal/v1/stacks')).json;
    expect(stack).toMatchObject({ Name: 'site', Drifted: ['site_web Mode.Replicated.Replicas: 5 → 1'] });
    expect((await api.http('GET', '/metrics')).text).toContain('shoal_stack_flag{stack="site",flag="drifted"} 1\n');
    following.cluster.run(suspendStack('site', false));
    await settled(() => service('site_web').Spec.Mode?.Replicated?.Replicas === 1 && following.gitops.waiting('site') === undefined);
    expect((await api.http('GET', '/shoal/v1/stacks')).json[0]).not.toHaveProperty('Drifted');
    expect((await api.http('GET', '/metrics')).text).not.toContain('flag="drifted"} 1');
  } finally {
    await api.stop();
  }
});

test('a network or config that somebody deletes comes back, and its users get the new one', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  const { store } = following.cluster;
  const network = store.byName('network', 'site_default');
  const config = [...store.list('config')][0];
  if (!network || !config) throw new Error('the stack lacks objects');
  // Docker refuses both while they are used.
  expect(() => following.cluster.run(removeNetwork(network.ID))).toThrow('in use');
  expect(() => following.cluster.run(removeConfig(config.ID))).toThrow('in use');
  following.cluster.write([remove('network', network.ID), remove('config', config.ID)]);
  await settled(() => store.byName('network', 'site_default') !== undefined && store.byName('config', config.Spec.Name) !== undefined);
  await following.sync();
  const web = service('site_web').Spec.TaskTemplate;
  expect(web.Networks?.[0]?.Target).toBe(store.byName('network', 'site_default')?.ID);
  expect(web.ContainerSpec?.Configs?.[0]?.ConfigID).toBe(store.byName('config', config.Spec.Name)?.ID);
  expect(following.told().join('\n')).toMatch(/drift reverted site: .*(network site_default is missing|config site_page-\w+ is missing)/);
});

/** What the orchestrator does when an update fails. */
function rollBack(name: string): void {
  const { PreviousSpec, ...rest } = service(name);
  if (!PreviousSpec) throw new Error('nothing to go back to');
  const turn = (State: 'rollback_started' | 'rollback_completed') => {
    const UpdateStatus = {
      State,
      Message: State === 'rollback_started' ? 'update rolled back due to failure or early termination of task x' : 'rollback completed',
    };
    following.cluster.write([update('service', { ...rest, Spec: PreviousSpec, UpdateStatus })]);
  };
  turn('rollback_started');
  turn('rollback_completed');
}

test('an update that was rolled back shows on the stack and the repository, is not tried again, and the next commit is', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  repository.commit({ 'stacks/site/compose.yml': site['stacks/site/compose.yml'].replace('web:1', 'web:2') });
  await following.sync();
  expect(following.image('site_web')).toBe('web:2');
  rollBack('site_web');
  await settled(() => following.health('site')?.State === 'degraded');
  expect(following.health('site')).toMatchObject({ Message: 'site_web: rolled back: rollback completed', Quarantined: true });
  await settled(() => following.told().includes('degraded site: site_db: 0 of 1 running; site_web: rolled back: rollback completed'));
  await settled(() => newestRevision(following.cluster.store, 'site')?.Outcome.State === 'failed');
  const { entries } = following.cluster;
  await following.sync();
  await following.restart();
  await following.sync();
  expect(following.cluster.entries).toBe(entries);
  expect(following.image('site_web')).toBe('web:1');
  repository.commit({ 'stacks/site/compose.yml': site['stacks/site/compose.yml'].replace('web:1', 'web:3') });
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('site_web')).toBe('web:3');
  rollBack('site_web');
  await settled(() => following.health('site')?.State === 'degraded');
  repository.commit(site);
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.health('site')).toMatchObject({ State: 'progressing', Quarantined: false });
});

test('an update that is paused shows on the stack', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  const web = service('site_web');
  following.cluster.write([
    update('service', { ...web, UpdateStatus: { State: 'paused', Message: 'update paused due to failure or early termination of task x' } }),
  ]);
  expect(following.health('site')).toMatchObject({
    State: 'failing',
    Message: 'site_web: update paused due to failure or early termination of task x',
  });
});

test('the stacks of a removed repository stay, and are nobody’s', async () => {
  repository.commit(site);
  await following.add(repository.folder);
  following.cluster.run(removeRepository('infra'));
  expect(following.stacks()).toEqual(['site']);
  edit('site_web', (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 5 } } }));
  expect(following.cluster.store.byName('stack', 'site')?.Source).toEqual({ Kind: 'deploy' });
  repository.commit({ 'stacks/site': undefined });
  await following.add(repository.folder, { Name: 'again' });
  expect(following.stacks()).toEqual(['site']);
});
