/** A wait that somebody ends: the deploy goes on, and is said to. */
import { expect, test } from 'vitest';
import { waitAndExit } from '#cli/progress/wait';
import type { Session } from '#cli/session';

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
