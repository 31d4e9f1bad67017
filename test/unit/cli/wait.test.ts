/** A wait that somebody ends: the deploy goes on, and is said to. */
import { expect, test } from 'vitest';
import { waitAndExit } from '#cli/progress/wait';
import { ApiError } from '#cli/client';
import { CommandError, exitCodes } from '#cli/command-error';
import type { Session } from '#cli/session';

const health = (state: string) => ({ Health: { state, message: '', running: 1, wanted: 1, slots: [], reasons: [] } });

function sessionWith(get: () => Promise<object>): { session: Session; lines: string[] } {
  const lines: string[] = [];
  const terminal = { interactive: false, out: (text: string) => void lines.push(text), error: () => undefined };
  return { session: { client: { get }, terminal } as unknown as Session, lines };
}

test('a daemon that starts again, and managers without a leader, are waited for', async () => {
  const answers: (() => object)[] = [
    () => health('progressing'),
    () => {
      throw new CommandError('Cannot connect to the daemon');
    },
    () => {
      throw new ApiError(503, 'no leader');
    },
  ];
  const { session, lines } = sessionWith(async () => (answers.shift() ?? (() => health('healthy')))());
  const before = process.exitCode;
  await waitAndExit(session, [{ ID: 'i', Name: 'web', SpecVersion: 1 }], { json: true, timeout: '5m' }, Date.now());
  expect([process.exitCode, JSON.parse(lines.at(-1) ?? '{}')]).toMatchObject([0, { result: 'converged', exit: 0 }]);
  process.exitCode = before;
});

test.each([
  ['nobody answers any more', new CommandError('Cannot connect to the daemon'), '10ms'],
  ['an answer is a refusal', new ApiError(500, 'broken'), '5m'],
])('where %s the deploy is not said to be refused, and there is a result', async (_what, failure, timeout) => {
  const { session, lines } = sessionWith(() => Promise.reject(failure));
  const waiting = waitAndExit(session, [{ ID: 'i', Name: 'web', SpecVersion: 1 }], { json: true, timeout }, Date.now());
  await expect(waiting).rejects.toMatchObject({ exitCode: exitCodes.notConverged });
  expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ result: 'not converged', exit: 4 });
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the wait, and says what goes on without us', async (signal) => {
  const said: string[] = [];
  const lines: string[] = [];
  const before = process.listeners(signal);
  let asked = 0;
  const get = async (): Promise<object> => {
    // In the middle of a look; another process's signal would come so.
    if (++asked === 2) for (const listener of process.listeners(signal)) if (!before.includes(listener)) listener(signal);
    return { Health: { state: 'progressing', message: '', running: 0, wanted: 1, slots: [], reasons: [] } };
  };
  const terminal = { interactive: false, out: (text: string) => void lines.push(text), error: (text: string) => void said.push(text) };
  const session = { client: { get }, terminal } as unknown as Session;
  await waitAndExit(session, [{ ID: 'i', Name: 'web', SpecVersion: 1 }], { json: true, timeout: '5m' }, Date.now());
  expect(said).toEqual(['The deploy goes on in the background; `shoal stack ps` or `shoal service ps` shows how far it is.']);
  expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ result: 'interrupted', exit: 0, services: [{ service: 'web' }] });
  expect([asked, process.listeners(signal)]).toEqual([2, before]);
});
