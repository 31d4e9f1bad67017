/** The one cluster object. */
import type { Authority } from './authority.ts';
import type { Labels, Meta } from './meta.ts';
import type { LogDriver } from './service-spec.ts';

export interface Cluster extends Meta {
  Spec: ClusterSpec;
  DefaultAddrPool: readonly string[];
  SubnetSize: number;
  DataPathPort: number;
  Shoal?: {
    /** What every node knew when it was last raised: nothing that needs more is written. It never falls. Absent: 1. */
    FeatureLevel?: number;
    /** Absent in a cluster of before there were any, until its next leader makes one. */
    Authority?: Authority;
    /** What managers seal their disks with while they are locked; absent: they are not. Shown to who asks for it by name alone. */
    UnlockKey?: string;
  };
}

export interface ClusterSpec {
  Name: string;
  Labels?: Labels;
  Orchestration: { TaskHistoryRetentionLimit: number };
  Raft: {
    SnapshotInterval: number;
    KeepOldSnapshots: number;
    LogEntriesForSlowFollowers: number;
    ElectionTick: number;
    HeartbeatTick: number;
  };
  Dispatcher: { HeartbeatPeriod: number };
  CAConfig: { NodeCertExpiry: number };
  TaskDefaults: { LogDriver?: LogDriver };
  EncryptionConfig: { AutoLockManagers: boolean };
}
