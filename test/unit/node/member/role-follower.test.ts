import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { RoleFollower, type RoleStep } from '#node/member/role/role-follower';
import { silentLogger } from '#test/support/silent-logger';
import { settle, VirtualClock } from '#test/support/virtual-clock';

function setUp() {
  const clock = new VirtualClock();
  const story: string[] = [];
  const warned: string[] = [];
  const world: { wanted: RoleStep[]; fault?: Error | undefined } = { wanted: [] };
  const ended = new AbortController();
  const take = (step: RoleStep) => async () => {
    story.push(step);
    if (world.fault) throw world.fault;
    world.wanted.shift();
  };
  const roles = new RoleFollower({
    next: () => world.wanted[0],
    steps: { renew: take('renew'), promote: take('promote'), demote: take('demote') },
    ended: ended.signal,
    onFatal: (error) => story.push(`fatal ${(error as Error).message}`),
    clock,
    logger: { ...silentLogger, warn: (facts: object) => void warned.push((facts as { error: string }).error) },
  });
  return { clock, story, warned, world, ended, roles };
}

test.each([
  ['a disk without room', Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })],
  ['managers that refuse', new Refusal('unavailable', 'not now')],
])('%s ends no node: each second the step is taken again, and said once', async (_name, fault) => {
  const { clock, story, warned, world, ended, roles } = setUp();
  world.wanted = ['renew', 'promote'];
  world.fault = fault;
  roles.follow();
  await clock.advance(2500);
  expect([story, warned]).toEqual([['renew', 'renew', 'renew'], [fault.message]]);
  world.fault = undefined;
  await clock.advance(1000);
  await roles.settled;
  expect(story.slice(3)).toEqual(['renew', 'promote']);
  world.wanted = ['demote'];
  world.fault = fault;
  roles.follow();
  await settle();
  ended.abort();
  await clock.advance(1000);
  await roles.settled;
  expect(story.slice(5)).toEqual(['demote']);
  expect(clock.running).toBe(0);
});

test('what no further try mends is fatal', async () => {
  const { clock, story, world, roles } = setUp();
  world.wanted = ['promote'];
  world.fault = Object.assign(new Error('EIO'), { code: 'EIO' });
  roles.follow();
  await clock.advance(5000);
  expect(story).toEqual(['promote', 'fatal EIO']);
});
