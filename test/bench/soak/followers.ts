/** Those who follow streams of the daemon: they read, they dawdle, they go without a word. */
import { request, type ClientRequest } from 'node:http';
import { integerBetween, type Random } from '#base/random';

export interface Followed {
  bytes: number;
}

/** Follows `path` for a while. Some read all, some never read, all are cut off in the middle. */
export function follow(socketPath: string, path: string, random: Random, total: Followed): Promise<void> {
  const heldMs = integerBetween(random, 50, 8000);
  const reads = random.next() < 0.8;
  return new Promise((resolve) => {
    const call: ClientRequest = request({ socketPath, path }, (response) => {
      response.on('error', () => undefined);
      response.on('close', over);
      if (reads) response.on('data', (chunk: Buffer) => (total.bytes += chunk.length));
      else response.pause();
    });
    const timer = setTimeout(() => call.destroy(), heldMs);
    function over(): void {
      clearTimeout(timer);
      resolve();
    }
    call.on('error', over);
    call.on('close', over);
    call.end();
  });
}
