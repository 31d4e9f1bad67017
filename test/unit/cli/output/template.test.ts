import { expect, test } from 'vitest';
import { expandTemplate } from '../../../../src/cli/output/template.ts';

const data = { Name: 'web', Labels: { 'a.b': '1' }, List: ['x', 'y'], Deep: { Count: 3 } };

test.each([
  ['{{.Name}}', 'web'],
  ['{{ .Deep.Count }} of {{.Name | upper}}', '3 of WEB'],
  ['{{json .List}}', '["x","y"]'],
  ['{{index .Labels "a.b"}}', '1'],
  ['{{join .List "-"}}', 'x-y'],
  ['{{.List}}', '[x y]'],
  ['{{.Labels}}', 'map[a.b:1]'],
  ['{{.Missing}}', '<no value>'],
  ['{{len .List}}\\t{{.Name}}', '2\tweb'],
  ['no fields', 'no fields'],
])('%s gives %s', (template, text) => expect(expandTemplate(template, data)).toBe(text));

test('inherited properties are no fields', () => {
  expect(expandTemplate('{{.constructor}}', data)).toBe('<no value>');
});

test('an unknown function is refused by name', () => {
  expect(() => expandTemplate('{{frobnicate .Name}}', data)).toThrow('function "frobnicate" not defined');
});
