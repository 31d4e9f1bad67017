/** The room `disk` as a replica's storage. */
import { Storage, type StorageOptions } from '#disk/storage';
import type { SnapshotMeta } from '#raft/message';
import type { OpenedStorage, StableStorage } from './stable-storage.ts';

export type DiskOptions = Omit<StorageOptions, 'bootstrap' | 'segmentBytes'> & { readonly segmentBytes?: number };

const segmentBytes = 64 * 1024 * 1024;

/** Opens the state folder; another process must not have it open. */
export function openDisk(options: DiskOptions): (bootstrap: SnapshotMeta) => Promise<OpenedStorage> {
  return async (bootstrap) => {
    const { storage, initial, state, warnings } = await Storage.open({ segmentBytes, ...options, bootstrap });
    return { storage: stable(storage), initial, state: state && [state], warnings };
  };
}

function stable(storage: Storage): StableStorage {
  return {
    write: (job) => storage.write(job),
    snapshot: (meta, pieces) => storage.snapshot(meta, Buffer.concat([...pieces])),
    receive: () => Promise.reject(new Error('a lone manager is sent no snapshot')),
    read: () => {
      throw new Error('a lone manager sends no snapshot');
    },
    close: () => storage.close(),
  };
}
