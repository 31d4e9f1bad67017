/** What a node holds of its cluster, put out of the way until it is sure that something else takes its place. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** All that belongs to a membership. */
const clusterFiles = ['node.json', 'certificates', 'raft', 'repositories'] as const;

/** Removes all of it. */
export function forget(state: string): void {
  for (const name of clusterFiles) rmSync(join(state, name), { recursive: true, force: true });
}

export interface SetAside {
  /** It is not needed any more. */
  drop(): void;
  /** In the place of whatever has come there. */
  putBack(): void;
}

/** Whether the folder holds anything of a cluster. */
export function holdsCluster(state: string): boolean {
  return clusterFiles.some((name) => existsSync(join(state, name)));
}

/** @param name of the folder in `state` that takes it; it is new */
export function setAside(state: string, name: string): SetAside {
  const folder = join(state, name);
  mkdirSync(folder, { mode: 0o700 });
  move(state, folder);
  return {
    drop: () => rmSync(folder, { recursive: true, force: true }),
    putBack() {
      forget(state);
      move(folder, state);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The identity goes first and comes last: without it the rest is of no cluster. */
function move(from: string, to: string): void {
  const order = to.startsWith(from) ? clusterFiles : clusterFiles.toReversed();
  for (const file of order) if (existsSync(join(from, file))) renameSync(join(from, file), join(to, file));
}
