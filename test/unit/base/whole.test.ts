import { expect, test } from 'vitest';
import { wholeOf, wholeText } from '#base/whole';

/** Parts as they come, and whether somebody read on to the end or left. */
function streamOf(parts: readonly (string | Error)[]) {
  const seen = { read: 0, left: false };
  async function* parted(): AsyncGenerator<Uint8Array> {
    try {
      for (const part of parts) {
        seen.read++;
        if (part instanceof Error) throw part;
        yield new TextEncoder().encode(part);
      }
    } finally {
      seen.left = true;
    }
  }
  return { stream: parted(), seen };
}

test.each([[[]], [['all']], [['in ', '', 'parts']]])('a stream is read to its end: %j', async (parts: string[]) => {
  expect(await wholeText(streamOf(parts).stream, 8)).toBe(parts.join(''));
  expect(await wholeOf(streamOf(parts).stream, 8)).toEqual(new TextEncoder().encode(parts.join('')));
});

test('a character that is cut by two parts is one', async () => {
  const [first, second] = [Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac)];
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield first;
    yield second;
  }
  expect(await wholeText(cut(), 3)).toBe('€');
});

test('what is longer than allowed is left where it is too long, and what breaks off is an error', async () => {
  const long = streamOf(['12345', '6789', 'never', 'read']);
  expect(await wholeText(long.stream, 8)).toBeUndefined();
  expect(long.seen).toEqual({ read: 2, left: true });
  await expect(wholeOf(streamOf(['1', new Error('cut off')]).stream, 8)).rejects.toThrow('cut off');
});
