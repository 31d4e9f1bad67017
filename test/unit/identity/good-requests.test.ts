import { expect, test } from 'vitest';
import { GoodRequests } from '#identity/good-requests';

test('a request that was good is looked at once, one that was not each time, and of very many the first are looked at again', () => {
  const looks: string[] = [];
  const requests = new GoodRequests((request) => {
    looks.push(request);
    return { spki: Buffer.from(request), holds: () => request !== 'bad' };
  });
  expect([requests.keyOf('one'), requests.keyOf('one')].map(String)).toEqual(['one', 'one']);
  for (const _again of [1, 2]) expect(() => requests.keyOf('bad')).toThrow('this is no request');
  expect(looks).toEqual(['one', 'bad', 'bad']);
  for (let number = 0; number < 64; number++) requests.keyOf(`n${number}`);
  looks.length = 0;
  requests.keyOf('n63');
  requests.keyOf('one');
  expect(looks).toEqual(['one']);
});
