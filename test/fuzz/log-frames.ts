/** Log streams of engines: frames cut anywhere come out whole, and garbage ends with an error or nothing. */
import fc from 'fast-check';
import { framedLines } from '#engine/docker-logs';
import { target } from './target.ts';

interface Stream {
  frames: { stream: number; text: string }[];
  /** Bytes that are no frame, at the end. */
  garbage: Uint8Array;
  /** Lengths of the chunks it comes in. */
  cuts: number[];
}

const inputs: fc.Arbitrary<Stream> = fc.record({
  frames: fc.array(fc.record({ stream: fc.constantFrom(1, 2), text: fc.string({ unit: 'binary', maxLength: 40 }) }), { maxLength: 8 }),
  garbage: fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 40 })),
  cuts: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }),
});

export const logFramesTarget = target<Stream>({ name: 'log-frames', inputs, start: async () => ({ judge, stop: async () => undefined }) });

async function judge({ frames, garbage, cuts }: Stream): Promise<string | undefined> {
  const bytes = Buffer.concat([...frames.map(framed), garbage]);
  const texts: string[] = [];
  try {
    for await (const line of framedLines(chunks(bytes, cuts))) texts.push(line.text);
  } catch (error) {
    if (garbage.length === 0 || !(error as Error).message.startsWith('log frame of')) return `threw ${(error as Error).message}`;
  }
  const wanted = frames.map(({ text }) => Buffer.from(text).toString('utf8'));
  // Garbage that comes in one piece with frames may take them along; it never changes them.
  const whole = texts.length >= wanted.length || garbage.length > 0;
  return whole && wanted.every((text, index) => index >= texts.length || texts[index] === text)
    ? undefined
    : `${JSON.stringify(texts)} instead of ${JSON.stringify(wanted)}`;
}

function framed({ stream, text }: { stream: number; text: string }): Buffer {
  const body = Buffer.from(`2026-01-01T00:00:00Z ${text}`);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

async function* chunks(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const length of cuts) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}
