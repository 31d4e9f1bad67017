/** The one cluster object. */
import type { Authority } from './authority.ts';
import type { Labels, Meta } from './meta.ts';
import type { Release } from '../release/release.ts';
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
    /** What people encrypt for this cluster alone; its first leader that knows of it makes one. */
    Sealing?: Sealing;
    /** Nodes that were removed while they may have a manager's certificate: id → leader's time (ms) when that ends. Managers hear nothing of them, whatever they show. */
    Removed?: Readonly<Record<string, number>>;
    /** Which program its daemons are to run; absent: nobody says. */
    Release?: Release;
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
  CAConfig: {
    NodeCertExpiry: number;
    /** Counted up by whoever wants another root. */
    ForceRotate?: number;
    /** PEM of a root that is to be the next, and its key: never stored here. */
    SigningCACert?: string;
    SigningCAKey?: string;
    /** Who signs in the place of the managers, where one of them is for the root that counts. */
    ExternalCAs?: readonly ExternalCa[];
  };
  TaskDefaults: { LogDriver?: LogDriver };
  EncryptionConfig: { AutoLockManagers: boolean };
}

/** An authority elsewhere that signs nodes' certificates when it is asked over HTTPS. */
export interface ExternalCa {
  /** CFSSL's. */
  Protocol: 'cfssl';
  URL: string;
  Options?: Labels;
  /** PEM of the root that it signs with; absent or empty: the cluster's as it is. */
  CACert?: string;
}

/** A pair of keys of age. */
export interface Sealing {
  /** Opens; never leaves the managers. */
  Identity: string;
  /** Encrypts; everybody may know it. */
  Recipient: string;
}
