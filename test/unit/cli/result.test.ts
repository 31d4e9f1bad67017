/** The last line of a command that waits: what programs read. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { CommandError, exitCodes } from '#cli/command-error';
import type { Terminal } from '#cli/output/terminal';
import { tellResult, withResult } from '#cli/progress/result';
import type { Verdict } from '#cli/progress/verdict';

const valid = new Ajv().compile(JSON.parse(readFileSync(new URL('../../../schemas/result.json', import.meta.url), 'utf8')) as object);

function told(): { terminal: Terminal; line: () => Record<string, unknown> } {
  const lines: string[] = [];
  const terminal = { out: (text: string) => void lines.push(text) } as unknown as Terminal;
  const line = () => {
    const result = JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
    expect([valid(result), valid.errors]).toEqual([true, null]);
    return result;
  };
  return { terminal, line };
}

test.each([
  [exitCodes.converged, 'converged', 'converged'],
  [exitCodes.rolledBack, 'rolledBack', 'rolled back'],
  [exitCodes.notConverged, 'failing', 'not converged'],
  [exitCodes.superseded, 'superseded', 'superseded'],
])('exit code %i', (exit, verdict, result) => {
  const { terminal, line } = told();
  const progress = { verdict: verdict as Verdict, detail: '', running: 1, wanted: 2, slots: [], reasons: ['why'] };
  tellResult(terminal, { exit, startedAt: Date.now(), services: [{ id: 'i', name: 'web', progress }] });
  expect(line()).toMatchObject({ result, exit, services: [{ service: 'web', state: verdict, running: 1, wanted: 2, reasons: ['why'] }] });
});

test('a refusal and wrong usage are results too, and stay errors', async () => {
  for (const exit of [exitCodes.refused, exitCodes.usage]) {
    const { terminal, line } = told();
    await expect(withResult(terminal, true, Date.now(), () => Promise.reject(new CommandError('no', exit)))).rejects.toThrow('no');
    expect(line()).toMatchObject({ result: 'refused', exit, services: [] });
  }
  const { terminal, line } = told();
  await expect(withResult(terminal, false, Date.now(), () => Promise.reject(new CommandError('no')))).rejects.toThrow('no');
  expect(() => line()).toThrow();
});

test('what was only sent, or is not waited for any more, says so', () => {
  for (const instead of ['sent', 'interrupted'] as const) {
    const { terminal, line } = told();
    tellResult(terminal, { exit: 0, startedAt: Date.now(), instead });
    expect(line()).toMatchObject({ result: instead, exit: 0 });
  }
});
