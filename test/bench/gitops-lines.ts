/** How soon a commit is taken back, taken over, heard of and refused, and what ten thousand looks at what is as it should be write: over real repositories, with services that run at once, fail at once, or never run. */
import { createHmac } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HttpDoor } from '#api/door/http-door';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { newestRevision } from '#control/stack/revisions';
import { CarryOut } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { VaultValues } from '#gitops/vault/vault-values';
import type { RenderedStack } from '#reconciler/rendered';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { bareCopy, startWebServer } from '#test/support/git-server';
import { hostileStacks } from '#test/support/hostile-stacks';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';
import type { Row } from './figures.ts';

const patienceMs = 60_000;
const rounds = 20;
const looks = 10_000;
const lookedStacks = 100;
const secret = 'a secret of the repository';
const targets = { backMs: 10_000, overMs: 2_000, heardMs: 3_000, refusedMs: 2_000 };

const say = (ms: number): string => `${Math.round(ms)} ms`;
const percentile = (values: readonly number[], part: number): number => values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? 0;

export async function benchLines(): Promise<Row[]> {
  const { backMs, overMs } = await rollouts();
  const heard = await deliveries();
  const refused = await hostile();
  const entries = await idleLooks();
  const row = (what: string, ms: number, targetMs: number, figure = say(ms)): Row => ({ what, figure, target: `< ${say(targetMs)}`, met: ms < targetMs });
  return [
    row('a commit whose update fails, from there until the last good one is back', backMs, targets.backMs),
    row('a commit that takes over a rollout that waits, until it is applied', overMs, targets.overMs),
    row(
      `push to apply by webhook, over HTTP, p95 of ${heard.length}`,
      percentile(heard, 0.95),
      targets.heardMs,
      `${say(percentile(heard, 0.95))}, p50 ${say(percentile(heard, 0.5))}`,
    ),
    row(
      `a hostile repository until it is refused, the worst of ${refused.count}`,
      refused.worstMs,
      targets.refusedMs,
      `${say(refused.worstMs)}: ${refused.worst}`,
    ),
    { what: `entries of ${looks} looks at ${lookedStacks} stacks that are as they should be`, figure: String(entries), target: '0', met: entries === 0 },
  ];
}

/** A failed update ends at once here: what is measured comes after its monitor. */
async function rollouts(): Promise<{ backMs: number; overMs: number }> {
  const repository = new GitRepository();
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  const following = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
  const seen = (condition: () => boolean): Promise<number> => within(patienceMs, condition, () => following.told().join('\n'));
  const isGood = (): boolean => newestRevision(following.cluster.store, 'a')?.Outcome.State === 'good';
  try {
    await following.add(repository.folder);
    await seen(isGood);
    repository.commit({ 'stacks/a/compose.yml': stackFile('bad:1') });
    await following.sync();
    const backMs = await seen(() => following.image('a_web') === 'app:1');
    repository.commit({ 'stacks/a/compose.yml': stackFile('slow:1') });
    await following.sync();
    await seen(() => following.image('a_web') === 'slow:1');
    repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
    const overMs = await seen(() => following.image('a_web') === 'app:3');
    return { backMs, overMs };
  } finally {
    await following.stop();
    repository.remove();
  }
}

/** From the delivery until the stack is applied, which comes after its plan. */
async function deliveries(): Promise<number[]> {
  const repository = new GitRepository();
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:0') });
  const bare = bareCopy(repository.folder);
  const server = await startWebServer(dirname(bare), { plain: true });
  const following = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
  const none = { repository: async () => undefined, git: async () => undefined, plan: async () => undefined, verdict: async () => undefined };
  const look = async (name: string): Promise<void> => void (await following.sync(name));
  const door = new HttpDoor({ host: '127.0.0.1', port: 0 }, { secretOf: async () => secret, look, ...none, clock: realClock, logger: silentLogger });
  try {
    const { port } = await door.start();
    await following.add(`${server.url}/x.git`);
    const taken: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      repository.commit({ 'stacks/a/compose.yml': stackFile(`app:${round}`) });
      repository.git('push', '--quiet', bare, 'main');
      const body = `delivery ${round}`;
      const began = performance.now();
      const headers = { 'X-Shoal-Signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
      const { status } = await fetch(`http://127.0.0.1:${port}/hooks/infra`, { method: 'POST', body, headers });
      if (status !== 202) throw new Error(`a delivery was answered with ${status}`);
      await within(
        patienceMs,
        () => following.image('a_web') === `app:${round}`,
        () => following.told().join('\n'),
      );
      taken.push(performance.now() - began);
    }
    return taken;
  } finally {
    await door.stop();
    await following.stop();
    await server.stop();
    repository.remove();
  }
}

/** Each alone in a repository: what it takes is its own. */
async function hostile(): Promise<{ count: number; worstMs: number; worst: string }> {
  const stacks = hostileStacks();
  const following = await new Following().start();
  let [worstMs, worst] = [0, ''];
  try {
    for (const [at, { name, files, links = {} }] of stacks.entries()) {
      const repository = new GitRepository();
      const folder = join(repository.folder, 'stacks', name);
      mkdirSync(folder, { recursive: true });
      for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
      for (const [path, target] of Object.entries(links)) symlinkSync(target, join(folder, path));
      repository.commit({});
      const began = performance.now();
      const { State } = await following.add(repository.folder, { Name: `hostile${at}` });
      const ms = performance.now() - began;
      if (State === 'synced' && [...following.cluster.store.list('service')].length > 0) throw new Error(`${name} is not refused`);
      if (ms > worstMs) [worstMs, worst] = [ms, name];
      repository.remove();
    }
    return { count: stacks.length, worstMs, worst };
  } finally {
    await following.stop();
  }
}

/** What they wrote. */
async function idleLooks(): Promise<number> {
  const cluster = initialisedCluster({ clock: realClock, stages: [instantly] });
  cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Trust: 'full' }));
  const parts = { cluster, clock: realClock, logger: silentLogger, events: new ReconcileEvents({ clock: realClock, logger: silentLogger }) };
  const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: 'main' });
  const carryOut = new CarryOut('main', { ...parts, values, followed: 'branch main', renderAt: async () => [] });
  const commit = '1'.repeat(40);
  const stacks = Array.from({ length: lookedStacks }, (_, each): RenderedStack => {
    const [Name, External] = [`s${each}`, { Networks: [], Secrets: [], Configs: [] }];
    const Labels = { 'com.docker.stack.namespace': Name };
    const Services = [{ Name: `${Name}_web`, Labels, TaskTemplate: { ContainerSpec: { Image: 'app:1', Labels } } }];
    return { Name, Path: `stacks/${Name}`, Commit: commit, digest: 'one', spec: { Name, Networks: [], Secrets: [], Configs: [], Services, External } };
  });
  for (let settling = 0; settling < 3; settling++) await carryOut.run({ commit, declared: {}, stacks }, true);
  const before = cluster.entries;
  for (let look = 0; look < looks; look++) await carryOut.run({ commit, declared: {}, stacks }, true);
  carryOut.stop();
  return cluster.entries - before;
}
