/** Watches a repository on this machine, so that a commit is seen at once and not at the next look. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watch, type FSWatcher } from 'chokidar';

/** Git writes several files a commit. */
const quietMs = 50;

export class LocalWatch {
  readonly #url: string;
  readonly #changed: () => void;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Names the folder that is watched: one that was made anew has another number. */
  #identity = '';

  /** `changed` is called after a branch may have moved. */
  constructor(url: string, changed: () => void) {
    this.#url = url;
    this.#changed = changed;
  }

  /** Begins to watch, or begins anew where the folder was replaced; nothing for repositories elsewhere. To be called with each look. */
  ensure(): void {
    const folder = gitFolder(this.#url);
    const identity = folder === undefined ? '' : `${folder} ${statSync(folder).ino}`;
    if (identity === this.#identity) return;
    this.stop();
    this.#identity = identity;
    if (folder === undefined) return;
    const places = ['HEAD', 'packed-refs', join('refs', 'heads'), 'reftable'].map((name) => join(folder, name));
    this.#watcher = watch(places, { ignoreInitial: true, ignored: (path) => path.endsWith('.lock') });
    this.#watcher.on('all', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#changed, quietMs);
    });
    // Polling goes on whatever happens to the watcher.
    this.#watcher.on('error', () => {});
  }

  stop(): void {
    clearTimeout(this.#timer);
    void this.#watcher?.close();
    this.#watcher = undefined;
    this.#identity = '';
  }
}

/** The folder that holds the branches: for a linked worktree that of the repository it belongs to. */
function gitFolder(url: string): string | undefined {
  try {
    const path = url.startsWith('file://') ? fileURLToPath(url) : url.startsWith('/') ? url : undefined;
    if (path === undefined) return undefined;
    const inside = join(path, '.git');
    const own = existsSync(inside)
      ? statSync(inside).isFile()
        ? resolve(
            path,
            readFileSync(inside, 'utf8')
              .replace(/^gitdir:/, '')
              .trim(),
          )
        : inside
      : path;
    if (!existsSync(join(own, 'HEAD'))) return undefined;
    const common = join(own, 'commondir');
    return existsSync(common) ? resolve(own, readFileSync(common, 'utf8').trim()) : own;
  } catch {
    // Vanished while we looked: the next look tells.
    return undefined;
  }
}
