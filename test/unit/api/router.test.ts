import { expect, test } from 'vitest';
import { flag, get, post, router, versionParameter, type Call } from '#api/router';

function callWith(search: string): Call {
  return { query: new URLSearchParams(search) } as Call;
}

test('finds by method and pattern', () => {
  const list = () => ({ status: 200 });
  const one = () => ({ status: 201 });
  const find = router([get('/services', list), get('/services/{}', one), post('/services/{}/update', one)]);
  expect(find('GET', '/services')).toEqual({ handler: list, pattern: '/services', parameters: [] });
  expect(find('GET', '/services/a b')).toEqual({ handler: one, pattern: '/services/{}', parameters: ['a b'] });
  expect(find('POST', '/services/x/update')?.parameters).toEqual(['x']);
  expect(find('GET', '/services/x/update')).toBeUndefined();
  expect(find('GET', '/servicesX')).toBeUndefined();
});

test.each([
  ['force=1', true],
  ['force=true', true],
  ['force=anything', true],
  ['force=0', false],
  ['force=False', false],
  ['force=', false],
  ['', false],
])('reads the flag of %j', (search, expected) => expect(flag(callWith(search), 'force')).toBe(expected));

test('refuses a version that is no number in the words of Go', () => {
  expect(versionParameter(callWith('version=12'), 'service')).toBe(12);
  expect(() => versionParameter(callWith('version=abc'), 'service')).toThrow(`invalid service version 'abc': strconv.ParseUint: parsing "abc": invalid syntax`);
  expect(() => versionParameter(callWith('version=abc'), 'secret')).toThrow(/^invalid secret version$/);
  expect(() => versionParameter(callWith(''), 'node')).toThrow(`invalid node version '': strconv.ParseUint: parsing "": invalid syntax`);
});
