import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { Heap } from '#base/heap';

test('items come out best first, also when some come back in between', () => {
  const random = seededRandom(7);
  const heap = new Heap<number>((a, b) => a < b);
  const held: number[] = [];
  for (let i = 0; i < 2000; i++) {
    if (random.next() < 0.6) {
      const item = Math.floor(random.next() * 100);
      heap.push(item);
      held.push(item);
    } else {
      held.sort((a, b) => a - b);
      expect(heap.peek()).toBe(held[0]);
      expect(heap.pop()).toBe(held.shift());
    }
  }
});
