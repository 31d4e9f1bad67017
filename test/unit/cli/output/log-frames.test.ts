import { expect, test } from 'vitest';
import { LogFrames } from '../../../../src/cli/output/log-frames.ts';

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('frames come out whole, however the bytes were cut', () => {
  const bytes = Buffer.concat([frame(1, 'one\n'), frame(2, 'zwei ü\n'), frame(3, 'broken')]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const frames = new LogFrames();
    expect([...frames.push(bytes.subarray(0, cut)), ...frames.push(bytes.subarray(cut))]).toEqual([
      { stream: 'stdout', text: 'one\n' },
      { stream: 'stderr', text: 'zwei ü\n' },
      { stream: 'error', text: 'broken' },
    ]);
  }
});
