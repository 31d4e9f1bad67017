import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { mapped, sendAnswer, Written } from '#api/answer';
import type { Answer } from '#api/router';

/** Every look at the clock takes a millisecond, so long answers take several turns; and so does whatever `spend` is called for. */
async function sent(answer: Answer | ((spend: (ms: number) => void) => Answer)) {
  let time = 0;
  let turns = 0;
  const clock = {
    now: () => time,
    monotonicNow: () => ++time,
    after: () => () => {},
    soon(run: () => void) {
      turns++;
      queueMicrotask(run);
    },
  };
  const written: Buffer[] = [];
  const headers = new Map<string, unknown>();
  const response = {
    setHeader: (name: string, value: unknown) => headers.set(name, value),
    writeHead: (status: number) => headers.set('status', status),
    write: (piece: Buffer) => written.push(piece),
    end: () => {},
  };
  const spend = (ms: number): void => void (time += ms);
  await sendAnswer(response as unknown as ServerResponse, typeof answer === 'function' ? answer(spend) : answer, clock);
  return { text: Buffer.concat(written).toString(), headers, turns };
}

const objects = (count: number) => Array.from({ length: count }, (_, n) => ({ n, name: `täsk ${n}` }));

test.each([0, 1, 49, 50, 51, 100, 2345])('a list of %i objects is the JSON that it is in one piece', async (count) => {
  const whole = `${JSON.stringify(objects(count))}\n`;
  for (const answer of [
    { status: 200, json: objects(count) },
    { status: 200, list: mapped(objects(count), (item) => item) },
  ]) {
    const { text, headers } = await sent(answer);
    expect(text).toBe(whole);
    expect(headers.get('Content-Length')).toBe(Buffer.byteLength(whole));
    expect(headers.get('Content-Type')).toBe('application/json');
  }
});

test('an item whose text is made already stands in the list like the others', async () => {
  const whole = `${JSON.stringify(objects(60))}\n`;
  const { text } = await sent({ status: 200, list: mapped(objects(60), (item) => (item.n % 7 === 0 ? item : new Written(item))) });
  expect(text).toBe(whole);
});

test('what is not shown is left out, and much that is looked at takes several turns', async () => {
  const { text, turns } = await sent({ status: 200, list: mapped(objects(20_000), (item) => (item.n % 1000 === 7 ? item : undefined)) });
  expect((JSON.parse(text) as { n: number }[]).map(({ n }) => n % 1000)).toEqual(Array.from({ length: 20 }, () => 7));
  expect(turns).toBeGreaterThan(2);
});

test('a long list takes several turns, an object and nothing none', async () => {
  expect((await sent({ status: 200, json: objects(2000) })).turns).toBeGreaterThan(2);
  expect(await sent({ status: 200, json: { a: 1 } })).toMatchObject({ text: '{"a":1}\n', turns: 0 });
  expect((await sent({ status: 204 })).headers.has('Content-Length')).toBe(false);
});

test('of objects that are dear to make one is made in a turn', async () => {
  const { turns } = await sent((spend) => ({
    status: 200,
    list: mapped(objects(40), (item) => {
      spend(10);
      return item;
    }),
  }));
  expect(turns).toBeGreaterThanOrEqual(40);
});
