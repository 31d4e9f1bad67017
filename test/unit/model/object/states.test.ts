import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { healthStates, repositoryStates, stackFlags, stackStates, worstHealth } from '#model/object/states';

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');

test('the README has every state with the model’s words', () => {
  for (const [what, states] of Object.entries({ stack: stackStates, health: healthStates, flag: stackFlags, repository: repositoryStates })) {
    for (const [state, meaning] of Object.entries(states)) expect(readme, `${what} ${state}`).toContain(`| ${what} | \`${state}\` | ${meaning} |`);
  }
});

test('the worst of several', () => {
  expect(worstHealth([])).toBe('healthy');
  expect(worstHealth(['healthy', 'progressing'])).toBe('progressing');
  expect(worstHealth(['degraded', 'failing', 'healthy'])).toBe('failing');
});
