import { expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { createSecret, removeSecret } from '#control/secrets';
import { deployStack } from '#control/stack/stacks';
import { startManager, type RunningManager } from '#test/support/disk-manager';
import { temporaryFolder } from '#test/support/folder';
import { testDescription } from '#test/support/memory-cluster';
import { byHand, stack } from '#test/support/random-changes';
import { realClock } from '#test/support/real-clock';
import { ScriptedAgent } from '#test/support/scripted-agent';

const nodeId = 'node-1';

interface Started extends RunningManager {
  fatal: unknown[];
}

async function start(folder: string, seed: number, snapshotEntries = 10_000): Promise<Started> {
  const fatal: unknown[] = [];
  const running = await startManager(
    { folder, nodeId, snapshotEntries },
    { clock: realClock, random: seededRandom(seed), logger: silentLogger, onFatal: (error) => fatal.push(error) },
  );
  return { ...running, fatal };
}

/** Waits for a commit after which `condition` holds. */
async function until(manager: Started, condition: () => boolean, limitMs = 20_000): Promise<void> {
  if (condition()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms`)), limitMs);
    const stop = manager.cluster.watch(() => {
      if (!condition()) return;
      clearTimeout(timer);
      stop();
      resolve();
    });
  });
}

test('a deploy on the disk runs, is there after a restart, and its containers are left alone', async () => {
  const folder = await temporaryFolder();
  const first = await start(folder, 1);
  expect(first.leads()).toBe(true);
  await first.cluster.submit(initCluster({ nodeId, address: '127.0.0.1', description: testDescription }));
  const agent = new ScriptedAgent(nodeId, realClock);
  await agent.connect(first.openSession);
  await first.cluster.submit(deployStack(stack('app:1', 5), byHand));
  await until(first, () => agent.running().length === 6);
  const ids = [...agent.tasks.keys()].toSorted();
  agent.disconnect();
  await first.stop();

  const second = await start(folder, 2);
  await agent.connect(second.openSession);
  const view = await second.cluster.read();
  expect(view.byName('stack', 'shop')).toMatchObject({ Services: ['shop_agent', 'shop_web'] });
  expect(view.get('node', nodeId)?.Status.State).toBe('ready');
  await second.cluster.submit(deployStack(stack('app:1', 6), byHand));
  await until(second, () => agent.running().length === 7);
  expect([...agent.tasks.keys()]).toEqual(expect.arrayContaining(ids));
  expect(agent.tasks.size).toBe(7);
  agent.disconnect();
  await second.stop();
  expect([...first.fatal, ...second.fatal]).toEqual([]);
});

test('what was acknowledged is there again, out of snapshots too', async () => {
  const folder = await temporaryFolder();
  const names = Array.from({ length: 60 }, (_, position) => `s${position}`);
  const first = await start(folder, 1, 20);
  await first.cluster.submit(initCluster({ nodeId, address: '', description: testDescription }));
  await Promise.all(names.map((name) => first.cluster.submit(createSecret({ Name: name, Data: 'eA==' }))));
  await first.cluster.submit(removeSecret('s7'));
  await first.stop();
  const second = await start(folder, 2, 20);
  const view = await second.cluster.read();
  expect([...view.list('secret')].map((secret) => secret.Spec.Name).toSorted()).toEqual(names.filter((name) => name !== 's7').toSorted());
  await second.cluster.submit(createSecret({ Name: 's7', Data: 'eQ==' }));
  await second.stop();
  expect([...first.fatal, ...second.fatal]).toEqual([]);
});
