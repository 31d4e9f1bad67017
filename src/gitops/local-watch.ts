/** Watches the few folders of a repository on this machine that say where its branch is, so that a commit is seen at once and not at the next look. */
import { watch, type FSWatcher } from 'node:fs';
import type { WatchedFolder } from './protocol.ts';

/** Git writes several files a commit. */
const quietMs = 50;

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

  /** Begins to watch, or begins anew where a folder was replaced. Nothing is listed: what else lies in the folders costs nothing. True: it began just now. */
  ensure(folders: readonly WatchedFolder[]): boolean {
    const identity = JSON.stringify(folders);
    if (identity === this.#identity) return false;
    this.stop();
    this.#identity = identity;
    for (const { folder, names } of folders) this.#watch(folder, new Set(names));
    return this.#watchers.length > 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    this.#identity = '[]';
  }

  #watch(folder: string, names: ReadonlySet<string>): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null && !names.has(name)) return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#changed, quietMs);
      });
      // Polling goes on whatever happens to the watcher.
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // Gone meanwhile, or the machine watches enough already: polling goes on.
    }
  }
}
