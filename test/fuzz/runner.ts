/** Runs one target for a time, from a seed: finds an input with a wrong or late answer, makes it small, and says how to see it again. */
import { availableParallelism, loadavg } from 'node:os';
import fc from 'fast-check';
import type { AnyTarget } from './target.ts';

export interface FuzzOptions {
  seed: number;
  seconds: number;
  /** Stops after so many inputs, however early. */
  most?: number;
  /** An answer that takes longer counts as a hang; two seconds, and more on a machine that does other things too, unless given. */
  hangMs?: number;
}

export interface FuzzResult {
  inputs: number;
  /** Of the slowest answer. */
  slowestMs: number;
  /** What was found, with the seed; undefined when nothing was. */
  found?: string;
}

function usualHangMs(): number {
  return 2_000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}

export async function fuzz(target: AnyTarget, { seed, seconds, most = 10_000_000, hangMs = usualHangMs() }: FuzzOptions): Promise<FuzzResult> {
  const run = await target.start();
  let inputs = 0;
  let slowestMs = 0;
  const property = fc.asyncProperty(target.inputs, async (input) => {
    inputs++;
    const began = performance.now();
    const complaint = await withinTime(async () => run.judge(input), hangMs);
    const took = performance.now() - began;
    slowestMs = Math.max(slowestMs, took);
    if (complaint !== undefined) throw new Error(complaint);
    if (took > hangMs) throw new Error(`the answer took ${Math.round(took)} ms`);
  });
  try {
    const details = await fc.check(property, { seed, numRuns: most, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false });
    return { inputs, slowestMs, ...(details.counterexample && { found: told(target.name, details) }) };
  } finally {
    await run.stop();
  }
}

async function withinTime(judge: () => Promise<string | undefined>, hangMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${hangMs} ms`), hangMs);
  });
  try {
    return await Promise.race([judge(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function told(name: string, details: fc.RunDetails<[unknown]>): string {
  const input = fc.stringify(details.counterexample?.[0]);
  const error = details.errorInstance instanceof Error ? (details.errorInstance.stack ?? details.errorInstance.message) : String(details.errorInstance);
  return `${name}: ${error}\nsmallest input (after ${details.numShrinks} steps): ${input.slice(0, 4_000)}\nagain: npm run fuzz -- --target ${name} --seed ${details.seed}`;
}
