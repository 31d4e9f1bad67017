/** Ends a process that leads a group, and all that it started; and one whose parent is gone. */
import { Worker } from 'node:worker_threads';

export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

const lookedEveryMs = 1000;
const watch = `const parent = process.ppid; setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, ${lookedEveryMs});`;

/** This process ends within a second or two of its parent, also amid work that never comes back: a thread of its own looks. */
export function endWithParent(): void {
  new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 } }).unref();
}
