import { expect, test } from 'vitest';
import { enginePath, minorVersion, splitVersion } from '#api/version';

test('splits the version from the path; none means the newest', () => {
  expect(splitVersion('/v1.41/services')).toEqual({ path: '/services', version: 41, explicit: true });
  expect(splitVersion('/services')).toEqual({ path: '/services', version: 47, explicit: false });
  expect(splitVersion('/volumes/v1.41')).toEqual({ path: '/volumes/v1.41', version: 47, explicit: false });
});

test('refuses what is outside the range in the words of Docker', () => {
  expect(() => splitVersion('/v1.99/info')).toThrow('client version 1.99 is too new. Maximum supported API version is 1.47');
  expect(() => splitVersion('/v2.0/info')).toThrow('client version 2.0 is too new. Maximum supported API version is 1.47');
  expect(() => splitVersion('/v1.11/info')).toThrow(
    'client version 1.11 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  );
});

test('brings the path down to the version of the engine, and never up', () => {
  expect(enginePath(splitVersion('/v1.47/containers/json'), 41)).toBe('/v1.41/containers/json');
  expect(enginePath(splitVersion('/v1.30/containers/json'), 41)).toBe('/v1.30/containers/json');
  expect(enginePath(splitVersion('/containers/json'), 41)).toBe('/containers/json');
});

test('reads minor versions', () => {
  expect([minorVersion('1.41'), minorVersion('2.0'), minorVersion(undefined)]).toEqual([41, undefined, undefined]);
});
