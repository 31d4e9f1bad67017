/** A cluster that comes back from its backup on another machine, while the git server is gone: what runs is the last good version, and nothing is removed. */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { restoredNodes } from '#control/restored';
import { checkLog } from '#control/log/log-check';
import { newestRevision } from '#control/stack/revisions';
import { removeService } from '#control/service/services';
import { readBackup, takeBackup } from '#replica/backup/backup';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { startWebServer } from '#test/support/git-server';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster, MemoryCluster, testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

const passphrase = 'kept elsewhere';
const facts = { cluster: 'cluster-one', node: 'node-one', takenAt: '2026-01-01T00:00:00Z', incarnation: 1, term: 3 };

/** The cluster of the backup, on a machine that had none. */
async function restored(bytes: AsyncIterable<Uint8Array>): Promise<MemoryCluster> {
  const { image } = await readBackup(bytes, passphrase);
  const place = { nodeId: 'node-two', address: '192.168.7.2', managerAddress: '192.168.7.2:2377', description: testDescription };
  const node = restoredNodes(image.objects.node, place, realClock.now());
  const cluster = new MemoryCluster({ clock: realClock, stages: [instantly] });
  cluster.store.restore({ ...image, objects: { ...image.objects, node } });
  return cluster;
}

test('deployed from Git, taken into a backup and restored where nobody can be fetched from', async () => {
  const repository = new GitRepository();
  const bare = join(dirname(repository.folder), 'x.git');
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  const push = (files: Record<string, string>): void => {
    repository.commit(files);
    repository.git('push', '--quiet', bare, 'main');
  };
  const server = await startWebServer(dirname(bare), { plain: true });
  const secret = 'secrets: { key: { file: key.txt } }\n';
  const before = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
  let after: Following | undefined;
  try {
    push({ 'stacks/a/compose.yml': stackFile('a:1', '    secrets: [key]\n') + secret, 'stacks/a/key.txt': 'one', 'stacks/b/compose.yml': stackFile('b:1') });
    await before.add(`${server.url}/x.git`);
    const outcome = (following: Following, name: string) => newestRevision(following.cluster.store, name)?.Outcome.State;
    const seen = (condition: () => boolean) => within(60_000, condition, () => before.told().join('\n'));
    await seen(() => outcome(before, 'a') === 'good' && outcome(before, 'b') === 'good');
    push({ 'stacks/b/compose.yml': stackFile('bad:2') });
    await before.sync();
    await seen(() => before.cluster.store.byName('stack', 'b')?.Quarantine !== undefined);
    const bytes = takeBackup({ facts, image: before.cluster.store.image() }, passphrase);
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(piece);
    await before.stop();
    await server.stop();

    const cluster = await restored(
      (async function* () {
        yield* pieces;
      })(),
    );
    const objects = () =>
      ['service', 'secret', 'config', 'network', 'stack', 'revision'].map((kind) =>
        [...cluster.store.list(kind as 'service')].map(({ ID, Spec }) => [ID, Spec]),
      );
    const wanted = objects();
    after = await new Following(cluster).start();
    const status = await after.sync();
    expect([status.State, status.Message]).toEqual(['unavailable', expect.stringContaining('127.0.0.1')]);
    expect([after.image('a_web'), after.image('b_web')]).toEqual(['a:1', 'b:1']);
    expect(objects()).toEqual(wanted);
    const b = cluster.store.byName('stack', 'b');
    if (!b) throw new Error('there is no stack b');
    const checked = checkLog(cluster.store, 'stack', b);
    expect([checked.Revisions, checked.Broken]).toEqual([3, undefined]);
    expect(checked.Entries).toBeGreaterThanOrEqual(3);
    // It is kept in force, by what the cluster holds alone, and what was given up is not tried again.
    cluster.run(removeService('a_web'));
    await within(
      60_000,
      () => after?.image('a_web') === 'a:1',
      () => after?.told().join('\n') ?? '',
    );
    await after.sync();
    expect([after.image('b_web'), cluster.store.byName('stack', 'b')?.Quarantine !== undefined, after.stacks()]).toEqual(['b:1', true, ['a', 'b']]);
  } finally {
    await after?.stop();
    await server.stop();
    repository.remove();
  }
});
