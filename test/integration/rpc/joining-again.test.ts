import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import type { Clock } from '#base/clock';
import { address, hasManager, join } from '#test/support/joining-world';
import { realClock } from '#test/support/real-clock';

hasManager();

test('where somebody was a moment ago nobody may listen for a while, however long it has waited by then', async () => {
  const world = { answers: false, now: 0, rounds: 0 };
  const clock: Clock = {
    ...realClock,
    monotonicNow: () => world.now,
    after: (delayMs, run) => (world.rounds++, realClock.after(Math.min(delayMs, 20), run)),
  };
  const pass = (from: Socket): void => {
    if (!world.answers) return void from.destroy();
    const to = connect(Number(address.split(':')[1]), '127.0.0.1');
    for (const end of [from, to]) end.on('error', () => undefined);
    from.pipe(to).pipe(from);
  };
  const rounds = async (more: number): Promise<void> => {
    const end = world.rounds + more;
    await vi.waitFor(() => expect(world.rounds).toBeGreaterThanOrEqual(end), { timeout: 10_000 });
  };
  const before = createServer(pass);
  const port = await new Promise<number>((resolve) => before.listen(0, '127.0.0.1', () => resolve((before.address() as AddressInfo).port)));
  const joining = join({ remotes: [`127.0.0.1:${port}`] }, undefined, clock);
  const failed = joining.then(() => undefined);
  const story = async (): Promise<void> => {
    await rounds(1);
    world.now = 3_600_000;
    await rounds(2);
    await new Promise((resolve) => before.close(resolve));
    await rounds(2);
    world.answers = true;
    const after = createServer(pass);
    await new Promise<void>((resolve) => after.listen(port, '127.0.0.1', resolve));
    expect((await joining).role).toBe('worker');
    after.close();
  };
  await Promise.all([failed, story()]);
});
