/** Mistakes as a person at a terminal sees them. */
import { expect, test } from 'vitest';
import { explainDiagnostics } from '#compose/explain';
import { request } from '#test/support/compose';
import { loadStack } from '#compose/load';

function explained(text: string): string[] {
  const asked = request({ 'compose.yml': text });
  return explainDiagnostics(loadStack(asked).diagnostics, asked.files);
}

test('all of them, sorted by place, each with its line and a caret', () => {
  expect(explained('services:\n  web:\n    image: a\n    build: .\n    prots: ["80"]\n    deploy:\n      replicas: x\n')).toEqual([
    'warning: compose.yml:4:5: services.web.build: has no effect on a cluster (images are not built on a cluster; build and push it, and name it under `image`)',
    '  4 |     build: .',
    '    |     ^',
    'compose.yml:5:5: services.web.prots: unknown key prots (did you mean ports?)',
    '  5 |     prots: ["80"]',
    '    |     ^',
    'compose.yml:7:7: services.web.deploy.replicas: must be a integer',
    '  7 |       replicas: x',
    '    |       ^',
  ]);
});

test('long lines are cut around the place, and control characters do not reach the terminal', () => {
  const lines = explained(`services: {web: {labels: {a: "${'x'.repeat(300)}"}, \timag: b}}`);
  const mark = lines.at(-1)?.indexOf('^') ?? -1;
  expect(lines.at(-2)?.length).toBeLessThan(120);
  expect(lines.at(-2)?.slice(mark, mark + 4)).toBe('imag');
  expect(lines.join('\n')).not.toContain('\t');
});

test('a file that was drawn in, or that has no place, is told by its text alone', () => {
  expect(
    explainDiagnostics(
      [
        { severity: 'error', message: 'no file' },
        { severity: 'error', file: 'o.yml', line: 1, column: 1, message: 'm' },
      ],
      [],
    ),
  ).toEqual(['no file', 'o.yml:1:1: m']);
});
