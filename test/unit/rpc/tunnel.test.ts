import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { tunnelOf } from '#rpc/forward/tunnel';

/** A call that takes a piece at a time. */
class FullCall extends EventEmitter {
  readonly written: Buffer[] = [];
  write({ bytes }: { bytes: Buffer }): boolean {
    this.written.push(bytes);
    return false;
  }
  pause(): void {}
  resume(): void {}
}

test('of what is written at once one piece at a time waits in a call whose other end reads slowly', async () => {
  const call = new FullCall();
  const tunnel = tunnelOf(call as never, { finish: () => undefined, cut: () => undefined });
  const bytes = Buffer.from(Array.from({ length: 600 * 1024 }, (_, at) => at % 251));
  let done = false;
  tunnel.write(bytes, () => (done = true));
  for (let pieces = 1; pieces <= 3; pieces++) {
    expect([call.written.length, done]).toEqual([pieces, false]);
    call.emit('drain');
  }
  await expect.poll(() => done).toBe(true);
  expect(Buffer.concat(call.written).equals(bytes)).toBe(true);
  tunnel.destroy();
});
