/** The room `disk` as a replica's storage. */
import type { Logger } from '#base/logger';
import { Storage, type StorageOptions } from '#disk/storage';
import type { SnapshotMeta } from '#raft/message';
import type { OpenedStorage } from './stable-storage.ts';

export interface DiskOptions extends Omit<StorageOptions, 'begin' | 'segmentBytes' | 'onSpace'> {
  readonly segmentBytes?: number;
  /** False for a member that had a log: an empty folder is then refused, and never taken for a new group. */
  readonly founds?: boolean;
  readonly logger?: Logger;
}

const segmentBytes = 64 * 1024 * 1024;

/** Opens the state folder; another process must not have it open. */
export function openDisk({ founds = true, logger, ...options }: DiskOptions): (bootstrap: SnapshotMeta) => Promise<OpenedStorage> {
  const { folder } = options;
  return (bootstrap) =>
    Storage.open({
      segmentBytes,
      ...options,
      ...(founds && { begin: bootstrap }),
      onSpace: (full) => {
        if (full) logger?.error({ folder }, `${full.message}; make room, and changes are taken again by themselves`);
        else logger?.info({ folder }, 'the disk has space again: changes are taken');
      },
    });
}
