/** The program of the reconciler's worker processes, built from the sources as they are now. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

let built: string | undefined;

export function gitWorkerProgram(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), 'shoal-worker-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'git-worker.mjs');
  const banner = "import{createRequire as shoalRequire}from'node:module';const require=shoalRequire(import.meta.url);";
  buildSync({
    entryPoints: ['src/gitops/worker/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    banner: { js: banner },
  });
  return (built = outfile);
}
