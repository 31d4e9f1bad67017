import { expect, test } from 'vitest';
import { listLines } from '../../../../src/cli/output/list.ts';
import { tableLines } from '../../../../src/cli/output/table.ts';

test('columns are at least ten wide and three apart, the last is open', async () => {
  expect(
    await tableLines([
      ['NAME', 'SERVICES'],
      ['web', '2'],
      ['a-longer-name', '11'],
    ]),
  ).toEqual(['NAME            SERVICES', 'web             2', 'a-longer-name   11']);
});

test('an empty last cell leaves the padding before it', async () => {
  expect(
    await tableLines([
      ['ID', 'PORTS'],
      ['abc', ''],
    ]),
  ).toEqual(['ID        PORTS', 'abc       ']);
});

test('wide characters count as the terminal shows them', async () => {
  expect(
    (
      await tableLines([
        ['NAME', 'X'],
        ['日本語日本', 'y'],
      ])
    )[1],
  ).toBe('日本語日本   y');
});

const columns = [
  { heading: 'ID', key: 'ID', text: (row: { id: string; name: string }) => row.id },
  { heading: 'NAME', key: 'Name', text: (row: { id: string; name: string }) => row.name },
];
const rows = [{ id: '1', name: 'web' }];

test.each([
  [{}, ['ID        NAME', '1         web']],
  [{ quiet: true }, ['1']],
  [{ format: 'json' }, ['{"ID":"1","Name":"web"}']],
  [{ format: '{{.Name}}/{{upper .ID}}' }, ['web/1']],
  [{ format: 'table {{.Name}}\\t{{.ID}}' }, ['NAME      ID', 'web       1']],
])('a list with %o', (options, lines) => expect(listLines(rows, columns, options, (row) => row.id)).resolves.toEqual(lines));
