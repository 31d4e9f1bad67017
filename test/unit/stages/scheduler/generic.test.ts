import { expect, test } from 'vitest';
import type { GenericResource } from '#model/object/service-spec';
import { GenericStock } from '#stages/scheduler/generic';

function count(Kind: string, Value: number): GenericResource {
  return { DiscreteResourceSpec: { Kind, Value } };
}
function named(Kind: string, Value: string): GenericResource {
  return { NamedResourceSpec: { Kind, Value } };
}

test('of a named kind the first free names are claimed, of a counted one the count', () => {
  const stock = new GenericStock([count('disk', 3), named('gpu', 'a'), named('gpu', 'b'), named('gpu', 'c')]);
  const given = stock.claim([count('gpu', 2), count('disk', 1)]);
  expect(given).toEqual([named('gpu', 'a'), named('gpu', 'b'), count('disk', 1)]);
  stock.subtract(given);
  expect(stock.claim([count('gpu', 1)])).toEqual([named('gpu', 'c')]);
  expect(stock.has([count('gpu', 1), count('disk', 2)])).toBe(true);
  expect(stock.has([count('gpu', 2)])).toBe(false);
  expect(stock.has([count('disk', 3)])).toBe(false);
  expect(stock.has([count('fpga', 1)])).toBe(false);
});

test('nothing asked for is always there, and the same kind twice is summed', () => {
  const stock = new GenericStock(undefined);
  expect(stock.has([])).toBe(true);
  expect(stock.has([count('gpu', 0)])).toBe(true);
  expect(new GenericStock([count('gpu', 2)]).has([count('gpu', 1), count('gpu', 2)])).toBe(false);
});
