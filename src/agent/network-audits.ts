/** Looks now and then whether the network is as it was applied, and at once when it says that something happened to it. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import type { NodeNetwork } from '#network/contract';

/** People flush rule sets and reload firewalls. */
const auditMs = 30_000;
/** What could not be served, or failed, is looked at again so soon. */
const retryMs = 2000;

export interface AuditModules {
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export class NetworkAudits {
  readonly #looks: Repeater;

  constructor(
    readonly modules: AuditModules,
    /** Told when name servers may listen elsewhere than before, and after each look. */
    readonly calls: { namesMoved(): Promise<void>; looked(): void },
    readonly signal: AbortSignal,
  ) {
    this.#looks = new Repeater(
      () => this.#audit(),
      (error) => this.#failed(error),
      modules.clock,
    );
  }

  start(): void {
    this.signal.addEventListener('abort', () => void this.#looks.stop(), { once: true });
    this.#looks.askIn(auditMs);
  }

  /** An audit begins now, or right after the one under way. */
  soon(): void {
    this.#looks.ask();
  }

  async #audit(): Promise<void> {
    const { names, bridges, overlay, ports } = this.modules.network;
    for (const part of [() => names.audit(), () => this.calls.namesMoved().then(() => []), () => bridges.audit(), () => overlay.audit(), () => ports.audit()]) {
      try {
        for (const sentence of await part()) this.modules.logger.warn({}, sentence);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.calls.looked();
    const problems = [names, bridges, overlay, ports].some((facet) => facet.problems().length > 0);
    this.#looks.askIn(problems ? retryMs : auditMs);
  }

  #failed(error: unknown): void {
    if (!this.signal.aborted) this.modules.logger.error({ err: error }, 'a part of the network could not be looked at or mended; it is tried again in 2 s');
    this.#looks.askIn(retryMs);
  }
}
