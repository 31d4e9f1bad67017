import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultClusterSpec, initCluster } from '#control/clusters';
import { beginFrom, readBackup, takeBackup } from '#replica/backup/backup';
import { finish } from '#base/pace/steps';
import { openDisk } from '#replica/disk-storage';
import { StateDecoder } from '#replica/state-format';
import { likeliestNode } from '#node/restore/local-containers';
import { MemoryCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'backup-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const facts = { cluster: 'c', node: 'old', takenAt: '2026-01-01T00:00:00.000Z', incarnation: 4, term: 9 };

test('a backup that is read holds all that was there, and the folder made of it is that of a new incarnation with one member', async () => {
  const cluster = new MemoryCluster();
  cluster.run(initCluster({ nodeId: 'old', address: '10.0.0.1', description: { Hostname: 'h' } as never, spec: defaultClusterSpec }));
  const image = cluster.store.image();
  const backup = await readBackup(takeBackup({ facts, image }, 'correct horse'), 'correct horse');
  expect(backup).toEqual({ facts, image });

  await beginFrom(backup, { folder, clock: realClock, node: 'new', reserveBytes: 0 });
  const nobody = { index: 0, term: 0, configuration: { voters: [], learners: [] } };
  const opened = await openDisk({ folder, clock: realClock, node: 'new', founds: false, reserveBytes: 0 })(nobody);
  expect(opened.owner?.incarnation).toBe(5);
  expect(opened.initial.snapshot).toEqual({ index: image.index, term: 9, configuration: { voters: ['new'], learners: [] } });
  expect(opened.initial.hardState).toEqual({ term: 9, vote: undefined, commit: image.index });
  const state = new StateDecoder();
  for await (const piece of opened.state ?? []) finish(state.take(piece));
  expect(state.finish().image()).toEqual(image);
  await opened.storage.close();
});

test('this host is the node of which it runs most tasks, if the backup knows that', () => {
  const tasks = new Map([
    ['a', 1],
    ['b', 3],
    ['gone', 7],
  ]);
  expect(likeliestNode(tasks, (id) => id !== 'gone')).toBe('b');
  expect(likeliestNode(tasks, () => false)).toBeUndefined();
});
