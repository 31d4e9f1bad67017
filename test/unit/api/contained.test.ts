import { expect, test } from 'vitest';
import { contained } from '#api/contained';
import type { Dependencies } from '#api/dependencies';
import { Guard } from '#api/guard';
import { turnOf } from '#base/pace/turn';
import { VirtualClock } from '#test/support/virtual-clock';
import { silentLogger } from '#test/support/silent-logger';

test('what the API does in turns shares them with the manager, whose clock it is', () => {
  const clock = new VirtualClock();
  const parts = contained({ clock } as unknown as Dependencies, new Guard(silentLogger));
  expect(parts.clock).not.toBe(clock);
  expect(turnOf(parts.clock)).toBe(turnOf(clock));
});
