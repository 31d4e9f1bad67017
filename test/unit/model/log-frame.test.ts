import { expect, test } from 'vitest';
import { frame, LogFrames } from '#model/log-frame';

test('frames come out whole, however the bytes were cut', () => {
  const bytes = Buffer.concat([frame('stdout', 'one\n'), frame('stderr', 'zwei ü\n'), frame('systemError', 'broken')]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const frames = new LogFrames();
    expect([...frames.push(bytes.subarray(0, cut)), ...frames.push(bytes.subarray(cut))]).toEqual([
      { stream: 'stdout', text: 'one\n' },
      { stream: 'stderr', text: 'zwei ü\n' },
      { stream: 'systemError', text: 'broken' },
    ]);
  }
});

test('a frame counts bytes, not characters', () => {
  expect([...frame('stderr', 'ü\n')]).toEqual([2, 0, 0, 0, 0, 0, 0, 3, 0xc3, 0xbc, 10]);
  expect(frame('systemError', '')[0]).toBe(3);
});

test('what is no log stream is refused before it fills the memory', () => {
  expect(() => new LogFrames().push(Buffer.from('HTTP/1.1 400 Bad'))).toThrow(/log frame of/);
});
