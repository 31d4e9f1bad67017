/** Watches the few folders of a repository on this machine that say where its branch is, so that a commit is seen at once and not at the next look. */
import { opendir } from 'node:fs/promises';
import { basename } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import type { WatchedFolder } from './protocol.ts';

/** Git writes several files a commit. */
const quietMs = 50;
/** The watcher lists a folder once: one with more entries is left to polling, for it is somebody else's and may hold any number. */
const entriesLimit = 1000;

export class LocalWatch {
  readonly #changed: () => void;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** What the watched folders were when the watch began: one that was made anew is another. */
  #identity = '[]';

  /** `changed` is called after a branch may have moved. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Begins to watch, or begins anew where a folder was replaced. True: it began just now. */
  ensure(folders: readonly WatchedFolder[]): boolean {
    const identity = JSON.stringify(folders);
    if (identity === this.#identity) return false;
    this.stop();
    this.#identity = identity;
    for (const { folder, names } of folders) void this.#watch(folder, new Set(names), identity);
    return folders.length > 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) void watcher.close();
    this.#watchers = [];
    this.#identity = '[]';
  }

  async #watch(folder: string, names: ReadonlySet<string>, identity: string): Promise<void> {
    if (!(await isSmall(folder)) || this.#identity !== identity) return;
    const ignored = (path: string): boolean => path !== folder && !names.has(basename(path));
    const watcher = watch(folder, { depth: 0, ignoreInitial: true, followSymlinks: false, persistent: false, atomic: false, ignored });
    watcher.on('all', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#changed, quietMs);
    });
    // Polling goes on whatever happens to the watcher.
    watcher.on('error', () => void watcher.close());
    this.#watchers.push(watcher);
  }
}

/** False also for a folder that is gone meanwhile. */
async function isSmall(folder: string): Promise<boolean> {
  let entries = 0;
  try {
    for await (const _entry of await opendir(folder)) if (++entries > entriesLimit) return false;
    return true;
  } catch {
    return false;
  }
}
