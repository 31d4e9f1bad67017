/** No key of the Compose Specification is dropped without a word; the table in the docs is what the walk sees. */
import { expect, test } from 'vitest';
import { keyRows } from '#test/support/compose-keys';
import type { KeyRow } from '#test/support/compose-keys';

const rows = keyRows();

function table(all: readonly KeyRow[]): string {
  const count = (outcome: KeyRow['outcome']): number => all.filter((row) => row.outcome === outcome).length;
  const lines = all.map(({ key, outcome, note }) => `| \`${key}\` | ${outcome} | ${note.replaceAll('|', '\\|')} |`);
  return `# Keys of the Compose Specification

What spec mode makes of each key, found by loading a stack with it and the same stack without it.
\`*\` stands for a name of your own, \`0\` for any item of a list. Honoured keys name the field of the stack's spec that they change;
refused ones are errors with file, line and column; ones that warn have no effect, and the note says what to do instead.
\`x-\` keys are yours: they are allowed everywhere and go nowhere. One is ours: \`x-shoal\`, of a stack, a service or a port (long form), holds what Compose has no word for: \`image\`, \`engine-socket\`, \`ignore\`, \`source\`, \`sticky\`.
It becomes labels of the service (\`shoal.image\`, of a port \`shoal.source.8080-tcp\`), with which docker's own CLI says the same; a key that is not known is refused. \`--strict\` leaves it alone.
This file is written by its test (\`vitest -u\`): ${count('honoured')} honoured, ${count('refused')} refused, ${count('warns')} warn.

| key | outcome | note |
| --- | --- | --- |
${lines.join('\n')}
`;
}

test('no key is dropped silently', () => {
  expect(rows.length).toBeGreaterThan(250);
  expect(rows.filter(({ outcome }) => outcome === 'dropped')).toEqual([]);
});

test('what is refused or without effect is told with its place', () => {
  for (const { key, diagnostic } of rows.filter((row) => row.diagnostic !== undefined)) {
    expect({ key, ...diagnostic }).toMatchObject({ file: 'compose.yml', line: expect.any(Number), column: expect.any(Number), hint: expect.any(String) });
  }
});

test('the table in the docs is fresh', async () => {
  await expect(table(rows)).toMatchFileSnapshot(new URL('../../../src/compose/KEYS.md', import.meta.url).pathname);
});
