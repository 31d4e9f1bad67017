import { expect, test } from 'vitest';
import { defaultClusterSpec } from '#control/clusters';
import type { Cluster } from '#model/object/cluster';
import { paceOf } from '#node/member/pace';

const cluster = (Raft: Partial<Cluster['Spec']['Raft']>) => ({ Spec: { ...defaultClusterSpec, Raft: { ...defaultClusterSpec.Raft, ...Raft } } }) as Cluster;

test('what the cluster says counts; what it leaves as usual is the daemon’s own', () => {
  expect(paceOf(undefined, 77)).toEqual({ everyEntries: 77, keptEntries: 500, olderSnapshots: 0 });
  expect(paceOf(cluster({}), 77)).toEqual({ everyEntries: 77, keptEntries: 500, olderSnapshots: 0 });
  expect(paceOf(cluster({ SnapshotInterval: 9, KeepOldSnapshots: 3, LogEntriesForSlowFollowers: 4 }), 77)).toEqual({
    everyEntries: 9,
    keptEntries: 4,
    olderSnapshots: 3,
  });
});
