/** How many changes a second one manager stores durably, alone and under load. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLog } from '#test/support/replicated-log';

export interface RaftFigures {
  readonly writers: number;
  readonly appendsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const entry = new Uint8Array(1024).fill(120);

async function measure(writers: number, durationMs: number): Promise<RaftFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  const { log, propose, machine } = makeLog(folder);
  // The figures are the log's, not those of a list that keeps everything.
  machine.apply = () => ({ applied: true });
  await log.start();
  const latencies: number[] = [];
  const start = performance.now();
  async function writer(): Promise<void> {
    while (performance.now() - start < durationMs) {
      const before = performance.now();
      await propose(entry);
      latencies.push(performance.now() - before);
    }
  }
  await Promise.all(Array.from({ length: writers }, writer));
  const seconds = (performance.now() - start) / 1000;
  await log.stop();
  await rm(folder, { recursive: true, force: true });
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => Number((latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(3));
  return { writers, appendsPerSecond: Math.round(latencies.length / seconds), p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Appends of 1 KiB through RaftLog on a real folder, with 1 and 64 concurrent writers. */
export async function benchRaft(durationMs = 2000): Promise<RaftFigures[]> {
  return [await measure(1, durationMs), await measure(64, durationMs)];
}
