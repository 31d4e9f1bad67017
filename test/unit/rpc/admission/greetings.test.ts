import { expect, test } from 'vitest';
import { Greetings } from '#rpc/admission/greetings';

interface Played {
  name: string;
  destroyed: boolean;
}

/** Long enough that none is over by itself, unless the test says otherwise. */
function setUp(greetingMs = 60_000) {
  const begun: string[] = [];
  const heard: (() => void)[] = [];
  const letIn = ({ name }: Played): void => {
    begun.push(name);
    for (const tell of heard.splice(0)) tell();
  };
  const greetings = new Greetings<Played>(letIn, greetingMs);
  const take = (name: string, source = name): Played => {
    const connection = { name, destroyed: false };
    greetings.take(connection, source, name);
    return connection;
  };
  const next = (): Promise<void> => new Promise((resolve) => heard.push(resolve));
  return { begun, greetings, take, next };
}

const names = (count: number, of = 'n'): string[] => Array.from({ length: count }, (_, at) => `${of}${at + 1}`);

test('of a thousand nodes that come together some begin their handshake, and each that ends lets the next one begin', () => {
  const { begun, greetings, take } = setUp();
  for (const name of names(1000)) take(name);
  expect(begun).toEqual(names(5));
  greetings.over('n3');
  greetings.over('n3');
  greetings.over('never seen');
  expect(begun).toEqual(names(6));
  for (const name of names(1000)) greetings.over(name);
  expect(begun).toEqual(names(1000));
});

test('whoever opens many connections waits behind himself', () => {
  const { begun, greetings, take } = setUp();
  for (const name of names(100, 'flood')) take(name, 'one host');
  take('n1');
  take('n2');
  expect(begun).toEqual(names(5, 'flood'));
  for (const name of names(3, 'flood')) greetings.over(name);
  expect(begun.slice(5).toSorted()).toEqual(['flood6', 'n1', 'n2']);
});

test('who has gone while he waited takes no place', () => {
  const { begun, greetings, take } = setUp();
  const all = names(8).map((name) => take(name));
  for (const each of all.slice(5, 7)) each.destroyed = true;
  greetings.over('n1');
  expect(begun).toEqual([...names(5), 'n8']);
});

test('who says nothing keeps his place for a while alone', async () => {
  const { begun, take, next } = setUp(1);
  for (const name of names(6)) take(name);
  expect(begun).toEqual(names(5));
  await next();
  expect(begun).toEqual(names(6));
});
