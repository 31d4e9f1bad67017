import { expect, test } from 'vitest';
import { isConfidential, isThisMachine } from '#base/text/confidential';

test.each(['localhost', 'LocalHost', '127.0.0.1', '127.255.3.4', '::1', '[::1]'])('%s is this machine', (host) => {
  expect(isThisMachine(host)).toBe(true);
});

test.each([
  '',
  'localhost.',
  'localhost.example.com',
  '127.0.0.1.example.com',
  '128.0.0.1',
  '127.0.0',
  '10.0.0.1',
  '::',
  '[::]',
  '0.0.0.0',
  '::1]',
  'a localhost',
])('"%s" may be another machine', (host) => {
  expect(isThisMachine(host)).toBe(false);
});

test.each(['https://example.com', 'HTTPS://a', 'http://localhost/x', 'http://127.0.0.1:8080', 'http://[::1]:80/a', 'http://LOCALHOST:1'])(
  'to %s goes what nobody else may read',
  (url) => {
    expect(isConfidential(url)).toBe(true);
  },
);

test.each([
  'https://',
  'http://localhost',
  'http://example.com/',
  'http://localhost.example.com/',
  'http://localhost@example.com/',
  'http://127.0.0.1@example.com/',
  'http://user@localhost/',
  'http://user:secret@localhost/',
  'http://localhost:80@example.com/',
  'ftp://localhost/',
  'x https://a',
  'http://[::1',
  '',
])('nothing secret goes to "%s"', (url) => {
  expect(isConfidential(url)).toBe(false);
});
