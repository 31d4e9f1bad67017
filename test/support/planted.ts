/** The core with one line changed: proof that the simulation's checks can fail. */
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RaftClass } from './raft-simulation.ts';

const source = join(import.meta.dirname, '../../src');

export interface Planted {
  readonly name: string;
  /** File in src/raft. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The core's class, built with `planted` in place. Throws when the line to change is not there any more. */
export async function plant(planted: Planted): Promise<RaftClass> {
  let applied = false;
  const result = await build({
    entryPoints: [join(source, 'raft/raft.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
    plugins: [
      {
        name: 'plant',
        setup(builder) {
          builder.onLoad({ filter: /src\/raft\/[^/]+\.ts$/ }, async ({ path }) => {
            const text = await readFile(path, 'utf8');
            if (basename(path) !== planted.file) return { contents: text, loader: 'ts', resolveDir: dirname(path) };
            applied = text.split(planted.from).length === 2;
            return { contents: text.replace(planted.from, planted.to), loader: 'ts', resolveDir: dirname(path) };
          });
        },
      },
    ],
  });
  if (!applied) throw new Error(`${planted.name}: ${planted.file} does not hold exactly one ${planted.from}`);
  const code = Buffer.from(result.outputFiles[0]?.contents ?? []).toString('base64');
  const module = (await import(`data:text/javascript;base64,${code}`)) as { Raft: RaftClass };
  return module.Raft;
}
