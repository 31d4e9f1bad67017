import { expect, test } from 'vitest';
import type { LeaderLine } from '#api/dependencies';
import { Carrier } from '#api/leader/carrier';
import type { Call } from '#api/router';
import { pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { VirtualClock } from '#test/support/virtual-clock';

test('who has waited longer than a change of leaders may take is asked again all the same; who finds none is refused in time', async () => {
  const clock = new VirtualClock();
  const leader = { alone: () => false, leads: () => true, open: () => undefined, lost: () => undefined } as Partial<LeaderLine> as LeaderLine;
  const carrier = new Carrier({ leader, clock });
  const call = {
    request: { method: 'GET', headers: {}, socket: {} },
    response: { headersSent: false },
    target: { path: '/info' },
    signal: new AbortController().signal,
  };
  const tried: number[] = [];
  const answered = async (answers: number): Promise<string> => {
    tried.length = 0;
    const began = clock.monotonicNow();
    const answer = carrier.answer(call as unknown as Call, async () => {
      tried.push(clock.monotonicNow() - began);
      if (tried.length === answers) return { status: 200, json: {} };
      // The first one is waited for until its leader is gone.
      if (tried.length === 1) await pause(clock, 60_000);
      throw new Refusal('unavailable', 'gone', { reason: 'noLeader' });
    });
    const told = answer.then(
      () => 'answered',
      ({ message }: Error) => message,
    );
    await clock.advance(70_000);
    return await told;
  };
  expect([await answered(3), tried]).toEqual(['answered', [0, 60_050, 60_100]]);
  expect([await answered(0), tried.at(-1)]).toEqual(['gone', 65_000]);
});
