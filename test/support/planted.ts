/** The product with one line changed: proof that the simulation's checks can fail. */
import { build, type Plugin } from 'esbuild';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Find, ShrunkFind } from './hunt.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'src');

export interface Fault {
  readonly name: string;
  readonly tier: 'core' | 'disk' | 'driver';
  /** File under src. */
  readonly file: string;
  /** Text that stands exactly once in the file, and what to put in its place. */
  readonly from: string;
  readonly to: string;
  /** Seeds within which it must be found; 0: by a guided script. */
  readonly within: number;
  /** Why no check can ever find it: it changes nothing that anybody could see. */
  readonly equivalent?: string;
}

/** A fault in src/raft; found by a guided script unless it says otherwise. */
export function coreFault(name: string, file: string, from: string, to: string, more: Partial<Fault> = {}): Fault {
  return { name, tier: 'core', file: `raft/${file}.ts`, from, to, within: 0, ...more };
}

function plantPlugin(fault: Fault, planted: () => void): Plugin {
  return {
    name: 'plant',
    setup(builder) {
      builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (relative(source, path) !== fault.file) return { contents: text, loader: 'ts', resolveDir: dirname(path) };
        if (text.split(fault.from).length !== 2) throw new Error(`${fault.name}: ${fault.file} does not hold exactly one ${fault.from}`);
        planted();
        return { contents: text.replace(fault.from, () => fault.to), loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

type Hunt = 'hunt' | 'huntAndShrink';

/** Builds the fault's tier with the fault in place; the program hunts with the seeds it is given and posts what it finds. */
async function buildPlanted(fault: Fault, how: Hunt): Promise<string> {
  let planted = false;
  const folder = join(root, '.test/planted');
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, `${how}-${fault.tier}-${fault.name.replaceAll(/[^a-z0-9]+/gi, '-')}-${process.pid}.mjs`);
  const contents = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { tier } from './test/simulation/tiers/${fault.tier}.ts';
    import { ${how} } from './test/support/hunt.ts';
    parentPort.postMessage({ find: await ${how}(tier, workerData.seeds) });`;
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    outfile,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
    plugins: [plantPlugin(fault, () => (planted = true))],
  });
  if (!planted) throw new Error(`${fault.name}: the ${fault.tier} tier does not use ${fault.file}`);
  return outfile;
}

/** Hunts a planted fault; a tier that hangs for `timeoutMs` is a find as well. Undefined when it survives `seeds` seeds. */
export function huntFault(fault: Fault, seeds = fault.within, timeoutMs = 120_000): Promise<Find | undefined> {
  const hang: Find = { by: 'hang', seeds, message: `it hangs or survives ${timeoutMs} ms`, finding: false };
  return inWorker<Find>(fault, 'hunt', seeds, { timeoutMs, hang });
}

/** Hunts a planted fault by seeds alone, shrinks the first that fails, and plays what is left by the command that is printed for it. */
export function shrinkFault(fault: Fault, seeds: number, timeoutMs = 120_000): Promise<ShrunkFind | undefined> {
  return inWorker<ShrunkFind>(fault, 'huntAndShrink', seeds, { timeoutMs, hang: undefined });
}

async function inWorker<T>(fault: Fault, how: Hunt, seeds: number, late: { timeoutMs: number; hang: T | undefined }): Promise<T | undefined> {
  const worker = new Worker(await buildPlanted(fault, how), { workerData: { seeds } });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T | undefined>((resolve, reject) => {
      timer = setTimeout(() => resolve(late.hang), late.timeoutMs);
      worker.once('message', ({ find }: { find: T | undefined }) => resolve(find));
      worker.once('error', reject);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
