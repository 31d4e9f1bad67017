import { expect, test } from 'vitest';
import { expandForObject, expandForRow } from '#cli/output/template';

const data = { Name: 'web', Labels: { 'a.b': '1' }, List: ['x', 'y'], Deep: { Count: 3 }, Arrow: '->' };

test.each([
  ['{{.Name}}', 'web'],
  ['{{ .Deep.Count }} of {{.Name | upper}}', '3 of WEB'],
  ['{{json .List}}', '["x","y"]'],
  ['{{index .Labels "a.b"}}', '1'],
  ['{{join .List "-"}}', 'x-y'],
  ['{{.List}}', '[x y]'],
  ['{{.Labels}}', 'map[a.b:1]'],
  ['{{.Missing}}', '<no value>'],
  ['a\\tb', 'a\\tb'],
  ['{{pad .Name 2 1}}|{{truncate .Name 2}}|{{title "a b"}}|{{split "x:y" ":"}}', '  web |we|A B|[x y]'],
  ['{{json .Arrow}}', '"-\\u003e"'],
  ['no fields', 'no fields'],
])('%s gives %s', (template, text) => expect(expandForObject(template, data)).toBe(text));

test('inherited properties are no fields', () => {
  expect(expandForObject('{{.constructor}}', data)).toBe('<no value>');
});

test('an unknown function is refused by name', () => {
  expect(() => expandForObject('{{frobnicate .Name}}', data)).toThrow('function "frobnicate" not defined');
});

test('a column that a list lacks is refused', () => {
  expect(() => expandForRow('{{.Nope}}', { Name: 'web' })).toThrow('template parsing error: template: :1: executing "" at <.Nope>: can\'t evaluate field Nope');
});
