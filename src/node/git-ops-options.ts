/** Where the reconciler keeps what it fetches, and the program that its worker processes run. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GitOpsOptions } from '#gitops/gitops';
import type { DaemonOptions } from './options.ts';

export function gitOpsOptions({ state, run }: DaemonOptions): GitOpsOptions {
  // Built beside this program.
  const program = fileURLToPath(new URL('./git-worker.mjs', import.meta.url));
  return { folder: join(state, 'repositories'), run, program };
}
