import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Storage } from '#disk/storage';
import { kinds } from '#model/object/object';
import { ReplicatedState } from '#replica/state';
import { firstVersionObjects, unpackFirstVersion } from '#test/support/first-version';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';

test('the log of the first version gives every object that its own program saw, again after a restart', async () => {
  const folder = await temporaryFolder();
  unpackFirstVersion(folder);
  for (const life of ['first', 'second']) {
    const { storage, initial, state } = await Storage.open({
      folder: join(folder, 'state/raft'),
      segmentBytes: 1e6,
      clock: new VirtualClock(),
      node: '0cx4expc8ktuosvnhcn07wyt4',
      reserveBytes: 0,
    });
    expect(initial.hardState).toEqual({ term: 2, vote: '0cx4expc8ktuosvnhcn07wyt4', commit: 87 });
    expect(initial.snapshot.configuration).toEqual({ voters: ['0cx4expc8ktuosvnhcn07wyt4'], learners: [] });
    expect(initial.entries.map(({ index }) => index)).toEqual([81, 82, 83, 84, 85, 86, 87, 88]);
    const machine = new ReplicatedState();
    await machine.restore(initial.snapshot.index, state ?? []);
    for (const entry of initial.entries) if (entry.kind === 'normal' && entry.bytes.length > 0) expect(await machine.apply(entry)).toEqual({ applied: true });
    await storage.close();
    const { objects } = machine.store.image();
    const expected = firstVersionObjects();
    for (const kind of kinds) {
      // Fields may be added by a newer version; none may go.
      expect(
        [...objects[kind]].toSorted((a, b) => (a.ID < b.ID ? -1 : 1)),
        `${kind}, ${life} life`,
      ).toMatchObject([...(expected[kind] ?? [])].toSorted((a, b) => (a.ID < b.ID ? -1 : 1)));
    }
  }
});
