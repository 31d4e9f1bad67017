import { expect, test } from 'vitest';
import { Repeater } from '#base/pace/repeater';
import { VirtualClock } from '../../../support/virtual-clock.ts';

/** A look that ends when it is told to. */
function looks(clock = new VirtualClock()) {
  const ends: (() => void)[] = [];
  let begun = 0;
  const repeater = new Repeater(
    () => {
      begun++;
      return new Promise<void>((resolve) => ends.push(resolve));
    },
    (error) => expect.unreachable(String(error)),
    clock,
  );
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await clock.advance(0);
  };
  return { clock, repeater, end, begun: () => begun };
}

test('whoever asks during a look gets one more, however many they are', async () => {
  const { repeater, end, begun } = looks();
  repeater.ask();
  expect(begun()).toBe(1);
  for (let asker = 0; asker < 5; asker++) repeater.ask();
  expect(begun()).toBe(1);
  await end();
  expect(begun()).toBe(2);
  await end();
  expect(begun()).toBe(2);
  repeater.ask();
  expect(begun()).toBe(3);
});

test('a look that was put off is not looked at twice when somebody asks before', async () => {
  const { clock, repeater, end, begun } = looks();
  repeater.askIn(2000);
  await clock.advance(500);
  repeater.askIn(1000);
  await clock.advance(999);
  expect(begun()).toBe(0);
  await clock.advance(1);
  expect(begun()).toBe(1);
  await end();
  repeater.askIn(1000);
  repeater.ask();
  expect(begun()).toBe(2);
  await end();
  await clock.advance(5000);
  expect(begun()).toBe(2);
});

test('of wishes for later the earliest counts, whoever wishes after it, and also what is wished during a look', async () => {
  const { clock, repeater, end, begun } = looks();
  for (let wish = 0; wish < 5; wish++) {
    repeater.askIn(500);
    await clock.advance(100);
  }
  expect(begun()).toBe(1);
  repeater.askIn(500);
  repeater.askIn(60_000);
  await end();
  expect(begun()).toBe(1);
  await clock.advance(500);
  expect(begun()).toBe(2);
});

test('after the stop nothing begins, and the stop waits for the look under way', async () => {
  const { clock, repeater, end, begun } = looks();
  repeater.ask();
  repeater.ask();
  let stopped = false;
  const stop = repeater.stop().then(() => (stopped = true));
  repeater.askIn(0);
  await clock.advance(10);
  expect(stopped).toBe(false);
  await end();
  await stop;
  repeater.ask();
  await clock.advance(10);
  expect(begun()).toBe(1);
});

test('a look that fails is told once, keeps no other from beginning, and is told to nobody after the stop', async () => {
  const clock = new VirtualClock();
  const heard: string[] = [];
  let [begun, waits] = [0, Promise.resolve()];
  const repeater: Repeater = new Repeater(
    async () => {
      await waits;
      throw new Error(`look ${++begun}`);
    },
    (error) => {
      heard.push((error as Error).message);
      repeater.askIn(1000);
    },
    clock,
  );
  repeater.ask();
  repeater.ask();
  await clock.advance(0);
  expect(heard).toEqual(['look 1', 'look 2']);
  await clock.advance(1000);
  expect(heard).toEqual(['look 1', 'look 2', 'look 3']);
  let go = (): void => {};
  waits = new Promise<void>((resolve) => (go = resolve));
  repeater.ask();
  const stop = repeater.stop();
  go();
  await stop;
  await clock.advance(10_000);
  expect([begun, heard.length]).toEqual([4, 3]);
});
