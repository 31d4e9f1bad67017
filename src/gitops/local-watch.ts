/** Watches a repository on this machine, so that a commit is seen at once and not at the next look. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watch } from 'chokidar';

/** Git writes several files a commit. */
const quietMs = 50;

/** Calls `changed` after a branch may have moved; does nothing for repositories elsewhere. Ends with `signal`. */
export function watchLocal(url: string, changed: () => void, signal: AbortSignal): void {
  const folder = gitFolder(url);
  if (folder === undefined || signal.aborted) return;
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch([join(folder, 'HEAD'), join(folder, 'packed-refs'), join(folder, 'refs', 'heads')], {
    ignoreInitial: true,
    ignored: (path) => path.endsWith('.lock'),
  });
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(changed, quietMs);
  });
  // Polling goes on whatever happens to the watcher.
  watcher.on('error', () => {});
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    void watcher.close();
  });
}

function gitFolder(url: string): string | undefined {
  const path = url.startsWith('file://') ? fileURLToPath(url) : url.startsWith('/') ? url : undefined;
  if (path === undefined) return undefined;
  return [join(path, '.git'), path].find((folder) => existsSync(join(folder, 'HEAD')));
}
