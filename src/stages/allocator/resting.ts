/** Addresses that somebody has given back lately: who still believes in the old one should meet nobody else there. */
import { addressesOfService, addressesOfTask, type HeldAddress } from '#store/index/address-use';
import type { StoreEvent } from '#store/action';
import type { Resting } from '#store/stage';

/** As long as connections, caches and clients hold on to an address. */
const restMs = 180_000;
/** A crowd that comes and goes for minutes is remembered in part. */
const mostRemembered = 65_536;

/**
 * One manager's memory of what its entries freed; of what was freed before it started it knows nothing, and the order alone keeps
 * those late. Whoever leads decides by its own: it refuses nobody an address, it says which ones come last.
 */
export class RestingAddresses {
  /** Network and address → when (ms) it was free; the oldest first. */
  readonly #since = new Map<string, number>();

  /** Notes what an entry changed, at `now` (ms, of a clock that never jumps). */
  note(events: readonly StoreEvent[], now: number): void {
    for (const event of events) {
      const held = new Set(holdsNow(event).map(keyOf));
      for (const key of heldBefore(event).map(keyOf)) {
        if (held.has(key)) continue;
        this.#since.delete(key);
        this.#since.set(key, now);
      }
    }
    for (const [key, since] of this.#since) {
      if (this.#since.size <= mostRemembered && now - since < restMs) return;
      this.#since.delete(key);
    }
  }

  /** Which ones rest at `now` (ms, of the same clock). */
  at(now: number): Resting {
    return (networkId, address) => now - (this.#since.get(keyOf({ networkId, address })) ?? Number.NEGATIVE_INFINITY) < restMs;
  }
}

function keyOf({ networkId, address }: HeldAddress): string {
  return `${networkId} ${address}`;
}

function holdsNow({ kind, object }: StoreEvent): HeldAddress[] {
  if (kind === 'task') return addressesOfTask(object);
  return kind === 'service' ? addressesOfService(object) : [];
}

function heldBefore({ kind, previous }: StoreEvent): HeldAddress[] {
  if (kind === 'task') return addressesOfTask(previous);
  return kind === 'service' ? addressesOfService(previous) : [];
}
