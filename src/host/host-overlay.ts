/** The overlay of a node that is alone: its bridges hold every task. Others are refused until they can be reached. */
import { Refusal } from '#base/refusal';
import type { Counters, Facet, Overlay } from '#network/contract';

export class LoneOverlay implements Facet<Overlay> {
  async apply({ peers }: Overlay): Promise<void> {
    if (peers.length === 0) return;
    throw new Refusal(
      'unimplemented',
      `networks over several hosts are not built yet: tasks on ${peers.map(({ address }) => address).join(', ')} cannot be reached from this node`,
    );
  }

  async audit(): Promise<readonly string[]> {
    return [];
  }

  problems(): readonly string[] {
    return [];
  }

  async counters(): Promise<Counters> {
    return {};
  }
}
