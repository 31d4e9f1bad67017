import { expect, test } from 'vitest';
import { encode } from '#base/codec';
import { finish } from '#base/pace/steps';
import { decodeEntry } from '#replica/entry-format';
import { encodeEntry } from '#test/support/entry-bytes';
import { encodeState, StateDecoder } from '#replica/state-format';
import type { Config } from '#model/object/secret';
import { create, newMeta, remove, type Entry } from '#store/action';
import { Store } from '#store/store';

function config(id: string, bytes = 10): Config {
  return { ...newMeta(id), Spec: { Name: id, Data: 'x'.repeat(bytes) } };
}

function filled(count: number): Store {
  const store = new Store();
  const actions = Array.from({ length: count }, (_, at) => create('config', config(`c${String(at).padStart(5, '0')}`)));
  store.apply(7, { actions: [...actions, create('secret', config('s'))], now: 1000, answers: [{ id: 'r', result: 'é' }] });
  return store;
}

function decoded(pieces: Iterable<Uint8Array>): Store {
  const decoding = new StateDecoder();
  for (const piece of pieces) finish(decoding.take(piece));
  return decoding.finish();
}

test('an entry is read as it was written, whatever its size', () => {
  const small: Entry = {
    actions: [create('config', config('ä')), remove('task', 't')],
    now: 12,
    base: 3,
    term: 4,
    answers: [{ id: 'r', result: [1] }],
    check: '1a',
  };
  expect(decodeEntry(encodeEntry(small))).toEqual(small);
  const large: Entry = { actions: Array.from({ length: 9 }, (_, at) => create('config', config(`c${at}`, 100_000))), now: 1, base: 0 };
  expect(decodeEntry(encodeEntry(large))).toEqual(large);
  const empty: Entry = { actions: [], now: 1 };
  expect(decodeEntry(encodeEntry(empty))).toEqual(empty);
});

test('entries and snapshots of the first format are read', () => {
  const entry = { actions: [create('config', config('a'))], now: 12 };
  expect(decodeEntry(encode(entry))).toEqual(entry);
  const { answers: _answers, ...image } = filled(3).image();
  const store = decoded([encode(image)]);
  expect(store.image()).toEqual({ ...image, answers: [] });
  const bytes = encode(image);
  expect(decoded([bytes.subarray(0, 5), bytes.subarray(5)]).image()).toEqual(store.image());
});

test('formats of a later version are refused with what to do', () => {
  expect(() => decodeEntry(Uint8Array.of(9, 1, 2))).toThrow(
    'it is written in format 9, and this program reads formats 1 to 2: run the version of the other managers here',
  );
  expect(() => finish(new StateDecoder().take(Uint8Array.of(9)))).toThrow('the snapshot is written in format 9');
  const text = Buffer.from('{"planet":[{"ID":"x"}]}');
  const [head] = encodeState(new Store().image());
  const size = Buffer.alloc(4);
  size.writeUInt32BE(text.length);
  expect(() => decoded([head as Uint8Array, size, text])).toThrow('objects of the unknown kind planet');
});

test('a snapshot comes in frames of bounded size, and fills a store however it is cut', () => {
  const store = filled(2000);
  const frames = [...encodeState(store.image())];
  expect(frames.length).toBeGreaterThan(4);
  expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThan(300 * 1024);
  const whole = Buffer.concat(frames);
  for (const size of [1000, 65_536, whole.length]) {
    const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) => whole.subarray(at * size, (at + 1) * size));
    const copy = decoded(pieces);
    expect(copy.image()).toEqual(store.image());
    expect(copy.hash()).toBe(store.hash());
  }
  expect(() => decoded([whole.subarray(0, whole.length - 3)])).toThrow('the snapshot ends in the middle of a frame');
});

test('what is applied while a snapshot is made is not in it', () => {
  const store = filled(1200);
  const before = store.image();
  const frames = encodeState(store.image());
  const taken = [frames.next().value as Uint8Array];
  store.apply(8, { actions: [remove('config', 'c00000'), create('config', config('new'))], now: 2000 });
  for (const frame of frames) taken.push(frame);
  expect(decoded(taken).image()).toEqual(before);
});
