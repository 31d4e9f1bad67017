/** Tries the ways to other nodes, and notes who reached this host by them. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '#base/clock';
import type { DoctorPeer, Finding, Heard } from '#model/doctor/examination';
import { probePayload, probeSizes } from '#model/doctor/probe';
import { placeParts } from '#model/manager-address';
import { heardIn, probeMemorySeconds, probeRules, probeTableName } from '#network/doctor/probe-rules';
import { removeRules, withRuleFile } from '../rule-table.ts';
import { run } from '../run.ts';

const limits = { timeoutMs: 5000 };
/** A datagram may be lost. */
const timesEach = 3;
const connectLimitMs = 3000;
const triedAtOnce = 16;

export class Probes {
  readonly #table: string;
  readonly #clock: Pick<Clock, 'after'>;
  #cancel: (() => void) | undefined;

  constructor(instance: string, clock: Pick<Clock, 'after'>) {
    this.#table = probeTableName(instance);
    this.#clock = clock;
  }

  /** From now on is noted who reaches `port`; what was noted before is forgotten. All of it goes after a while. */
  async listen(port: number): Promise<void> {
    await withRuleFile(probeRules(this.#table, port), async (file) => {
      const { code, stderr } = await run('nft', ['-f', file], limits);
      if (code !== 0) throw new Error(`nft does not take the rules that note who reaches this host: ${stderr.trim()}`);
    });
    this.#cancel?.();
    this.#cancel = this.#clock.after(2 * probeMemorySeconds * 1000, () => void this.stop());
  }

  async heard(): Promise<Heard[]> {
    const { code, stdout } = await run('nft', ['-j', 'list', 'table', 'ip', this.#table], limits);
    return code === 0 ? heardIn(stdout) : [];
  }

  async stop(): Promise<void> {
    if (this.#cancel) await this.clear();
  }

  /** Also what an earlier life left. */
  async clear(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await removeRules(this.#table).catch(() => undefined);
  }

  /** Sends packets of all sizes up to `mtu` to each of the others, from `address`, or from any where that is empty. */
  async send({ address, mtu, port }: { address: string; mtu: number; port: number }, peers: readonly DoctorPeer[]): Promise<void> {
    const socket = createSocket('udp4');
    // Who refuses such a packet says so to the next one.
    socket.on('error', () => undefined);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ ...(address !== '' && { address }), port: 0 }, resolve);
      });
      for (let time = 0; time < timesEach; time++) {
        for (const peer of peers) await Promise.all(probeSizes(mtu).map((size) => sent(socket, probePayload(size), port, peer.address)));
      }
    } finally {
      socket.close();
    }
  }

  /** Managers that cannot be reached by TCP. */
  async managers(addresses: readonly string[]): Promise<Finding[]> {
    const found: Finding[] = [];
    const next = addresses.values();
    const worker = async (): Promise<void> => {
      for (const address of next) {
        const why = await refusedBy(address);
        if (why !== undefined) found.push(unreachable(address, why));
      }
    };
    await Promise.all(Array.from({ length: triedAtOnce }, worker));
    return found;
  }
}

function sent(socket: ReturnType<typeof createSocket>, payload: Buffer, port: number, address: string): Promise<void> {
  return new Promise((resolve) => socket.send(payload, port, address, () => resolve()));
}

/** Undefined when somebody answers. */
function refusedBy(manager: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(placeParts(manager));
    const end = (why?: string): void => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(connectLimitMs, () => end(`no answer within ${connectLimitMs / 1000} s`));
    socket.once('connect', () => end());
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function unreachable(address: string, why: string): Finding {
  return {
    level: 'error',
    check: 'managers',
    text: `the manager at ${address} is not reached by TCP: ${why}`,
    advice: `let TCP to ${address} through from this host, and see that the daemon runs there and listens at that address (--listen-addr)`,
  };
}
