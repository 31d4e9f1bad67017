import { expect, test } from 'vitest';
import { filterMap } from '../../../src/cli/session.ts';

test('filters of one key are put together, and a key may have any name', () => {
  expect({ ...filterMap(['label=a=b', 'LABEL = c', 'constructor=x', 'bare']) }).toEqual({ label: ['a=b', 'c'], constructor: ['x'], bare: [''] });
  expect(filterMap(undefined)['constructor']).toBeUndefined();
});
