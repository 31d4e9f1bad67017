import { expect, test } from 'vitest';
import { printable, printableCell, printableOutput } from '#base/text/printable';

test('nothing that steers a terminal is left, and plain text is not touched', () => {
  const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join('');
  expect(printable(all)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
  expect(printable('a\u001b[2Jb\u009b31m\u202ec\r\u0007')).toBe('a\\u001b[2Jb\\u009b31m\\u202ec\\u000d\\u0007');
  expect(printable('ä 漢字 \u{1f600} a\tb\n')).toBe('ä 漢字 \u{1f600} a\tb\n');
  expect(printableCell('a\nb\tc')).toBe('a\\u000ab\\u0009c');
});

test('JSON stays JSON, with the same value', () => {
  const value = { name: 'a\u009b\u202e\u007f\u001b\u2028' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});

test("a program's colours stay, its other sequences do not", () => {
  expect(printableOutput('\u001b[1;31mred\u001b[0m \u001b[2J\u001b]0;title\u0007')).toBe('\u001b[1;31mred\u001b[0m \\u001b[2J\\u001b]0;title\\u0007');
});
