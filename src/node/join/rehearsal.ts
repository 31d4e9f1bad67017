/** A cluster of two managers played through within this process: what a program does for the first time takes several times as long, and whoever makes a host join waits for it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '#base/clock';
import { newId } from '#base/ids';
import type { Logger } from '#base/logger';
import { noMeter } from '#base/meter';
import { initCluster } from '#control/clusters';
import type { NodeCertificate } from '#identity/certificate-files';
import { hostPort } from '#model/manager-address';
import type { NodeDescription } from '#model/object/node';
import { LiveTls } from '#rpc/credentials';
import { managersLine } from '#rpc/to-leader/managers-line';
import { describeEngine, type Fitness } from '../founding/fitness.ts';
import { newCluster } from '../founding/new-cluster.ts';
import { ManagerPart } from '../member/manager-part.ts';
import { NodeLock } from '../member/node-lock.ts';
import type { DaemonOptions } from '../options.ts';
import { systemClock, systemRandom } from '../system.ts';
import { joinCluster } from './join-cluster.ts';

/** Who starts a daemon and asks it at once is served, and nothing beside him. */
const unaskedMs = 1000;
/** On a busy host; what takes longer is given up. */
const longestMs = 30_000;
const here = '127.0.0.1';
const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };

export interface RehearsalParts {
  fitness: Fitness;
  logger: Logger;
  /** Whether nobody has asked this daemon for a cluster yet. */
  unasked: () => boolean;
  /** Aborted when the daemon ends. */
  signal: AbortSignal;
}

/** Once, by a daemon that is in no cluster, when nobody waits for it. */
export async function rehearse(options: DaemonOptions, { fitness, logger, unasked, signal }: RehearsalParts): Promise<void> {
  await pause(systemClock, unaskedMs, signal);
  if (signal.aborted || !unasked()) return;
  try {
    await fitness.check();
    await rehearseJoin(options, await describeEngine(options, newId(systemRandom)));
  } catch (error) {
    logger.debug({ error: (error as Error).message }, 'a join could not be rehearsed: one that is asked for takes a little longer, or says what is wrong');
  }
}

/**
 * A manager founds a cluster that exists for this alone, on this host's own address for itself; another joins by a token that nobody else has, takes
 * part, and opens a session; then all of it is gone. Rejects where that cannot be; nothing depends on it.
 * @internal
 */
export async function rehearseJoin(options: DaemonOptions, description: NodeDescription): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-rehearsal-'));
  const ending = AbortSignal.timeout(longestMs);
  const ends: (() => Promise<void>)[] = [];
  const seat = async (nodeId: string, port: number, begins: 'founds' | 'joins', files: NodeCertificate, incarnation?: number): Promise<ManagerPart> => {
    const state = join(folder, nodeId);
    await mkdir(state);
    const tls = new LiveTls(files);
    const listen = hostPort(here, port);
    const place = { address: here, listen, managerAddress: listen };
    const part = new ManagerPart(
      { nodeId, role: 'manager', ...place, ...(incarnation !== undefined && { incarnation }) },
      { ...options, state },
      {
        begins,
        safe: false,
        socket: join(folder, `${nodeId}.sock`),
        lock: new NodeLock(),
        keeper: { stage: () => {}, sealAgain: () => {} },
        meter: noMeter,
        tls: () => tls,
        listen: () => listen,
        connected: (connection) => connection.destroy(),
        clock: systemClock,
        logger: quiet,
        onFatal: () => {},
        onReconcile: () => {},
      },
    );
    ends.push(async () => {
      await part.close();
      await part.seat.stop();
    });
    await part.seat.start();
    return part;
  };
  try {
    const [founderId, founderPort, joinerPort] = [newId(systemRandom), await freePort(), await freePort()];
    const remote = hostPort(here, founderPort);
    const { files, ...authority } = await newCluster(founderId);
    const founder = await seat(founderId, founderPort, 'founds', files);
    await founder.seat.submit(initCluster({ nodeId: founderId, address: here, description, authority, managerAddress: remote }));
    await founder.open(new LiveTls(files));
    const asked = {
      token: authority.authority.JoinTokens.Manager,
      advertised: hostPort(here, joinerPort),
      availability: 'active',
      replaces: '',
      unheard: '',
    } as const;
    const joined = await joinCluster({ ...asked, fit: Promise.resolve(), remotes: [remote] }, systemClock, ending);
    const tls = new LiveTls(joined.files);
    const joiner = await seat(joined.nodeId, joinerPort, 'joins', joined.files, joined.incarnation);
    await joiner.open(tls);
    const line = managersLine({ local: () => undefined, addresses: () => [remote], tls: () => tls, connected: () => {}, random: systemRandom });
    const session = await line(joined.nodeId, description);
    await Promise.all([session.heartbeat(), session.assignments()[Symbol.asyncIterator]().next(), joiner.ready(ending)]);
    session.close();
  } finally {
    // Who joined goes first: the other one decides alone again.
    for (const end of ends.toReversed()) await end().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whoever takes it meanwhile only ends the rehearsal. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, here, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
