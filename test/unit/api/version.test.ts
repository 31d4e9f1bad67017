import { expect, test } from 'vitest';
import { enginePath, readTarget } from '#api/target';
import { minorVersion } from '#api/version';

test('splits the version and the query from the path; none means the newest', () => {
  expect(readTarget('/v1.41/services?a=b%2Fc')).toEqual({ path: '/services', version: 41, explicit: true, search: '?a=b%2Fc' });
  expect(readTarget('/services')).toEqual({ path: '/services', version: 47, explicit: false, search: '' });
  expect(readTarget('/volumes/v1.41')).toEqual({ path: '/volumes/v1.41', version: 47, explicit: false, search: '' });
  expect(readTarget('/v1.041/info').version).toBe(41);
});

test('the path is decoded once and cleaned, as Go does it', () => {
  const path = (url: string) => readTarget(url).path;
  expect(path('/%73warm//./init')).toBe('/swarm/init');
  expect(path('/a/../b%2f..%2f..%2fc')).toBe('/c');
  expect(path('//v1.41///info/')).toBe('/info/');
  expect(path('http://engine:2375/v1.41/info')).toBe('/info');
  expect(path('/images/h%3A5000/a%2Fb:1/json')).toBe('/images/h:5000/a/b:1/json');
  expect(path('/%2573warm')).toBe('/%73warm');
  expect(path('*')).toBe('/*');
});

test('refuses what is outside the range in the words of Docker, and what two might read in two ways', () => {
  expect(() => readTarget('/v1.99/info')).toThrow('client version 1.99 is too new. Maximum supported API version is 1.47');
  expect(() => readTarget('/v2.0/info')).toThrow('client version 2.0 is too new. Maximum supported API version is 1.47');
  expect(() => readTarget('/v1.11/info')).toThrow(
    'client version 1.11 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  );
  for (const odd of ['/v1/info', '/v1.41.0/info', '/v1./info', '/v/info', '/V1.41/info', '/v.../info']) {
    expect(() => readTarget(odd), odd).toThrow(/^invalid API version/);
  }
  for (const broken of ['/services/%zz', '/a%2', '/%ff', '/a%00b', '/a%0ab', '/a%c2%85b']) expect(() => readTarget(broken), broken).toThrow(/^invalid URL/);
});

test('brings the path down to the version of the engine, and never up; it is written anew', () => {
  expect(enginePath(readTarget('/v1.47/containers/json'), 41)).toBe('/v1.41/containers/json');
  expect(enginePath(readTarget('/v1.30/containers/json'), 41)).toBe('/v1.30/containers/json');
  expect(enginePath(readTarget('/containers/json'), 41)).toBe('/containers/json');
  expect(enginePath(readTarget('/images/h:5000/a@sha256:0/json'), 41)).toBe('/images/h:5000/a@sha256:0/json');
  expect(enginePath(readTarget('//volumes/%c3%a4%20%3f%23%25'), 41)).toBe('/volumes/%C3%A4%20%3F%23%25');
});

test('reads minor versions', () => {
  expect([minorVersion('1.41'), minorVersion('2.0'), minorVersion(undefined)]).toEqual([41, undefined, undefined]);
});
