import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkHistory, type Model, type Operation } from '#test/support/linearizability';

type Input = { readonly write: number } | 'read';
type Step = Operation<Input, number>;

const register: Model<number, Input, number> = {
  initial: 0,
  step: (state, input, output, known) => (input === 'read' ? (!known || output === state ? state : undefined) : input.write),
  text: String,
};

function write(value: number, call: number, done: number): Step {
  return { call, done, input: { write: value }, output: undefined };
}

function read(value: number, call: number, done: number): Step {
  return { call, done, input: 'read', output: value };
}

test('what happened one after the other keeps its order', () => {
  expect(checkHistory(register, [write(1, 0, 1), read(1, 2, 3)])).toBe('linearizable');
  expect(checkHistory(register, [write(1, 0, 1), read(0, 2, 3)])).toBe('impossible');
  expect(checkHistory(register, [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)])).toBe('impossible');
});

test('what overlaps may come in any order, but all see the same one', () => {
  expect(checkHistory(register, [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)])).toBe('linearizable');
  expect(checkHistory(register, [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)])).toBe('impossible');
});

test('a write of unknown outcome may take effect late or never', () => {
  const lost = write(1, 0, Infinity);
  expect(checkHistory(register, [lost, read(0, 2, 3)])).toBe('linearizable');
  expect(checkHistory(register, [lost, read(0, 2, 3), read(1, 4, 5)])).toBe('linearizable');
  expect(checkHistory(register, [lost, read(1, 2, 3), read(0, 4, 5)])).toBe('impossible');
});

test('it says unknown rather than search for ever', () => {
  const many = Array.from({ length: 12 }, (_, at) => write(at, 0, 100));
  expect(checkHistory(register, [...many, read(99, 101, 102)], 50)).toBe('unknown');
});

/** All orders, the slow and obvious way. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => orders([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]));
}

function slowly(history: readonly Step[]): boolean {
  const unknown = history.filter((one) => one.done === Infinity);
  const choices = unknown.reduce<Step[][]>((all, one) => [...all, ...all.map((some) => [...some, one])], [history.filter((one) => one.done !== Infinity)]);
  return choices.some((chosen) =>
    orders(chosen).some((order) => {
      if (order.some((late, at) => order.slice(0, at).some((early) => late.done < early.call))) return false;
      let state = 0;
      return order.every((one) => {
        const next = register.step(state, one.input, one.output, one.done !== Infinity);
        if (next !== undefined) state = next;
        return next !== undefined;
      });
    }),
  );
}

const operation = fc.record({
  call: fc.nat(8),
  takes: fc.integer({ min: 1, max: 5 }),
  value: fc.integer({ min: 0, max: 2 }),
  writes: fc.boolean(),
  lost: fc.nat(5),
});

test('it agrees with trying all orders', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 5 }), (drawn) => {
      const history = drawn.map(({ call, takes, value, writes, lost }) => {
        const done = lost === 0 ? Infinity : call + takes;
        return writes ? write(value + 1, call, done) : read(value, call, done);
      });
      expect(checkHistory(register, history)).toBe(slowly(history) ? 'linearizable' : 'impossible');
    }),
    { numRuns: 400 },
  );
});
