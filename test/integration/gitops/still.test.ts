/** What is suspended or frozen is written by no path at all, and what would be done is still shown. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpDoor } from '#api/door/http-door';
import { suspendRepository, updateRepository } from '#control/repository/repositories';
import { removeService, updateService } from '#control/service/services';
import { newestRevision } from '#control/stack/revisions';
import { suspendStack } from '#control/stack/stack-states';
import { create, type StoreEvent } from '#store/action';
import { runningTask } from '#test/support/api-fixture';
import { Following, GitRepository, within } from '#test/support/git-repository';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

const waitMs = 10_000;
const secret = 'a secret of the repository';
const waves = 'stacks:\n  - stacks/other\n  - { path: stacks/site, waves: [[db], [web]] }\n';
const file = (web: string, db = 'db:1', more = ''): string =>
  `services:\n  web: { image: "${web}" }\n  db: { image: "${db}" }\n  old: { image: "old:1" }\n${more}`;

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

const ways = {
  'a suspended stack': (on: boolean) => suspendStack('site', on),
  'a suspended repository': (on: boolean) => suspendRepository('infra', on),
  'a freeze window': (on: boolean) => updateRepository('infra', { Freeze: on ? ['2000-01-01/2999-01-01'] : [] }),
};

test.each(Object.entries(ways))('of %s nothing is written by any path, the difference is shown, and all of it comes when that ends', async (_name, still) => {
  const { cluster } = following;
  const { store } = cluster;
  const settled = (condition: () => boolean): Promise<number> => within(waitMs, condition, () => [shown(), ...following.told()].join('\n'));
  const shown = (): string => following.gitops.waiting('site')?.lines.join('\n') ?? '';
  const service = (name: string) => {
    const found = store.byName('service', name);
    if (!found) throw new Error(`no service ${name}`);
    return found;
  };
  repository.commit({ 'stacks/site/compose.yml': file('web:1'), 'stacks/other/compose.yml': 'services: { web: { image: "web:1" } }\n', 'shoal.yml': waves });
  await following.add(repository.folder);
  await settled(() => newestRevision(store, 'site')?.Outcome.State === 'good' && newestRevision(store, 'other')?.Outcome.State === 'good');
  // A version whose second wave waits for the first.
  repository.commit({ 'stacks/site/compose.yml': file('web:2', 'slow:2') });
  await following.sync();
  expect([following.image('site_web'), following.image('site_db')]).toEqual(['web:1', 'slow:2']);

  cluster.run(still(true));
  const written: string[] = [];
  let byHand = false;
  const unwatch = cluster.watch((events: readonly StoreEvent[]) => {
    for (const { kind, object, previous } of events) {
      const { Name: name = '' } = ((object ?? previous)?.Spec ?? {}) as { Name?: string };
      if (!byHand && kind !== 'task' && kind !== 'deed' && kind !== 'repository' && !name.startsWith('other')) written.push(`${kind} ${name}`);
    }
  });
  const hand = (work: () => unknown): void => {
    byHand = true;
    work();
    byHand = false;
  };

  // A change by hand, and what somebody removed.
  const { ID, Version, Spec } = service('site_db');
  hand(() => cluster.run(updateService(ID, Version.Index, { ...Spec, Labels: { ...Spec.Labels, by: 'hand' } })));
  await settled(() => shown().includes('Labels.by: '));
  // The first wave is well: the next one would come.
  const db = service('site_db');
  hand(() => cluster.write([create('task', runningTask(db, { id: 'a'.repeat(25), slot: 1, nodeId: 'node-one', now: realClock.now() - 60_000 }))]));
  hand(() => cluster.run(removeService(service('site_old').ID)));
  await settled(() => shown().includes('site_old'));
  // A commit, heard of by its folder, by a webhook and by a poll: another version, one service less.
  repository.commit({ 'stacks/site/compose.yml': file('web:3').replace(/ {2}old.*\n/, '  new: { image: "new:1" }\n') });
  const none = { repository: async () => undefined, git: async () => undefined, plan: async () => undefined, verdict: async () => undefined };
  let looked: Promise<unknown> = Promise.resolve();
  const look = async (name: string): Promise<void> => void (await (looked = following.sync(name)));
  const door = new HttpDoor({ host: '127.0.0.1', port: 0 }, { secretOf: async () => secret, look, ...none, clock: realClock, logger: silentLogger });
  try {
    const { port } = await door.start();
    const body = 'a delivery';
    const headers = { 'X-Shoal-Signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
    expect((await fetch(`http://127.0.0.1:${port}/hooks/infra`, { method: 'POST', body, headers })).status).toBe(202);
    await settled(() => shown().includes('"web:3"'));
    await looked;
  } finally {
    await door.stop();
  }
  await following.sync();
  // The stack is gone from the commit, and comes back.
  repository.commit({ 'stacks/site': undefined });
  await following.sync();
  expect(shown()).not.toContain('web:3');
  repository.commit({ 'stacks/site/compose.yml': file('web:4') });
  await following.sync();
  // The daemon starts again, and somebody else leads, who has no mirror.
  await following.restart();
  await following.sync();
  expect(shown()).toContain('"web:4"');
  await following.stop();
  following = await new Following(cluster).start();
  await following.sync();
  expect(shown()).toContain('"web:4"');
  expect((await following.gitops.planCommit('infra', undefined)).stacks.map(({ name }) => name)).toContain('site');
  expect(written).toEqual([]);

  unwatch();
  cluster.run(still(false));
  await settled(() => following.image('site_web') === 'web:4' && store.byName('service', 'site_old') !== undefined);
});
