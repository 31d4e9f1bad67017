/** Writers that each write one after the other, and what they measure. */

export interface Load {
  writers: number;
  bytes: number;
  ms: number;
  /** Each writer has its own share of them. */
  keys: readonly string[];
}

export type Command = { type: 'begin' } | { type: 'end' } | ({ type: 'submit' } & Omit<Load, 'keys'>);

export interface Figures {
  count: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface Reply {
  ids?: readonly string[];
  figures?: Figures;
  rssMB?: number;
  longestTurnMs?: number;
}

/** A program that was just started is slow, and nobody asks how slow. */
const warmUpMs = 300;

export async function runWriters(load: Load, write: (key: string, text: string) => Promise<void>): Promise<Figures> {
  await writeFor(warmUpMs, load, write);
  const start = performance.now();
  const latencies = await writeFor(load.ms, load, write);
  return figuresOf(latencies, (performance.now() - start) / 1000);
}

/** Resolves with how long each write took. */
async function writeFor(ms: number, { writers, bytes, keys }: Load, write: (key: string, text: string) => Promise<void>): Promise<number[]> {
  const latencies: number[] = [];
  const start = performance.now();
  const began = Date.now();
  async function writer(name: number): Promise<void> {
    const own = keys.filter((_, at) => at % writers === name);
    for (let count = 0; performance.now() - start < ms; count++) {
      const before = performance.now();
      // No two values are alike, as a write that changes nothing may be left out.
      await write(own[count % own.length] ?? '', `${began}-${name}-${count}-`.padEnd(bytes, 'x'));
      latencies.push(performance.now() - before);
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, name) => writer(name)));
  return latencies;
}

export function figuresOf(latencies: number[], seconds: number): Figures {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { count: latencies.length, perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}
