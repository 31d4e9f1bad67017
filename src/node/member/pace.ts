/** How often snapshots are taken, and how much stays behind them: as the cluster's settings say, or else this daemon's. */
import { defaultClusterSpec } from '#control/clusters';
import type { Cluster } from '#model/object/cluster';
import type { SnapshotPace } from '#replica/snapshot-rhythm';

const { Raft: usual } = defaultClusterSpec;

/** @param everyEntries of this daemon, where the cluster says nothing else */
export function paceOf(cluster: Cluster | undefined, everyEntries: number): SnapshotPace {
  const { SnapshotInterval, KeepOldSnapshots, LogEntriesForSlowFollowers } = cluster?.Spec.Raft ?? usual;
  return {
    everyEntries: SnapshotInterval === usual.SnapshotInterval || SnapshotInterval === 0 ? everyEntries : SnapshotInterval,
    keptEntries: LogEntriesForSlowFollowers,
    olderSnapshots: KeepOldSnapshots,
  };
}
