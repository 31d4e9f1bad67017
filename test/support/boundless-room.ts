/** Room without end, for tests that write no entries. */
import { Room } from '#store/room';

export function boundlessRoom(): Room {
  return new Room({ actions: Infinity, bytes: Infinity });
}
