/** Managers over real lines in one process: replica, manager, store and API as in production, each on a disk of its own. */
import { request } from 'node:http';
import { join } from 'node:path';
import { ApiServer } from '#api/server';
import type { LeaderLine, ReconcileEvent } from '#api/dependencies';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { createConfig } from '#control/configs';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { noLeaderRefusal } from '#replica/group/standing';
import { ReplicatedState } from '#replica/state';
import { ForwardClient } from '#rpc/forward/forward-client';
import { TestAuthority } from './cluster-certificates.ts';
import { openDoor, type Door } from './raft-lines.ts';
import { realClock } from './real-clock.ts';

export interface Seat {
  readonly id: string;
  readonly door: Door;
  readonly seat: ManagerSeat;
  readonly state: ReplicatedState;
  /** What the reconciler of this manager says. */
  emit(event: ReconcileEvent): void;
  http(method: string, path: string, body?: unknown): Promise<{ status: number; json: any }>; // oxlint-disable-line no-explicit-any -- a reply under test may be anything
  socketPath: string;
  stop(): Promise<void>;
}

export class Managers {
  readonly #authority: TestAuthority;
  readonly #running = new Set<Seat>();
  /** False: requests wait for a leader whatever seems to be missing, so that a slow machine is no reason for an answer. */
  givesUp = true;

  private constructor(authority: TestAuthority) {
    this.#authority = authority;
  }

  static async begin(): Promise<Managers> {
    return new Managers(await TestAuthority.begin());
  }

  /** @param founders nobody: it joins a group that knows it; undefined: it alone, or as its folder says */
  async start(id: string, folder: string, founders: readonly string[] | undefined, port = 0): Promise<Seat> {
    const held: { api?: ApiServer } = {};
    const door = await openDoor(this.#authority, id, { port, connected: (connection) => held.api?.connected(connection) });
    const state = new ReplicatedState();
    const onFatal = (error: unknown): never => {
      throw error;
    };
    const parts = { clock: realClock, logger: silentLogger, onFatal };
    const log = new Replica(
      { nodeId: id, address: door.address, snapshotEntries: 20, keptEntries: 2 },
      {
        ...parts,
        random: seededRandom(1, `${id}-${door.address}`),
        stateMachine: state,
        openStorage: openDisk({ folder, clock: realClock, node: id, reserveBytes: 0 }),
        transport: door.transport,
        ...(founders && { founders }),
      },
    );
    const seat = new ManagerSeat({}, { ...parts, log, state, stages, random: seededRandom(1, id) });
    await seat.start();
    const forward = new ForwardClient(() => door.tls);
    const listeners = new Set<(event: ReconcileEvent) => void>();
    const socketPath = join(folder, 'api.sock');
    held.api = apiOf(seat, { id, socketPath, folder, forward, listeners, givesUp: () => this.givesUp });
    await held.api.start();
    const one: Seat = {
      id,
      door,
      seat,
      state,
      socketPath,
      emit: (event) => listeners.forEach((listener) => listener(event)),
      http: (method, path, body) => httpJson(socketPath, method, path, body),
      stop: async () => {
        this.#running.delete(one);
        await held.api?.stop();
        await seat.stop();
        forward.close();
        await door.stop();
      },
    };
    this.#running.add(one);
    return one;
  }

  async stop(): Promise<void> {
    for (const seat of [...this.#running].toReversed()) await seat.stop();
  }

  /** Stores a config wherever the leader is by now; asked again under one id it is made once. */
  async store(seats: () => readonly Seat[], name: string): Promise<void> {
    for (const end = Date.now() + 50_000; ;) {
      const stored = await leaderOf(seats())
        ?.seat.submit(createConfig({ Name: name, Data: 'eA==' }), name)
        .then(
          () => true,
          () => false,
        );
      if (stored) return;
      if (Date.now() > end) throw new Error(`${name} is not stored within 50 s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface ApiParts {
  id: string;
  socketPath: string;
  folder: string;
  forward: ForwardClient;
  listeners: Set<(event: ReconcileEvent) => void>;
  givesUp: () => boolean;
}

function apiOf(seat: ManagerSeat, { id, socketPath, folder, forward, listeners, givesUp }: ApiParts): ApiServer {
  const nobody = (): never => {
    throw new Error('nobody asks for this here');
  };
  return new ApiServer(
    { socketPath, version: '0.1.0', leaderPatienceMs: 60_000 },
    {
      cluster: seat,
      leader: leaderLine(seat, forward, givesUp),
      swarm: {
        status: () => ({ LocalNodeState: 'active', NodeID: id, NodeAddr: '127.0.0.1', ControlAvailable: true, Error: '' }),
        init: nobody,
        join: nobody,
        leave: nobody,
      },
      engineSocket: join(folder, 'no-engine.sock'),
      logs: { open: nobody },
      reconciler: { sync: nobody, waiting: () => undefined, planCommit: nobody, commits: nobody, git: nobody, adoption: nobody, plan: nobody },
      reconcileEvents: {
        watch: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      metrics: { raftIndex: () => 0, leads: () => seat.leads(), readOnly: () => false, network: async () => [] },
      logger: silentLogger,
      clock: realClock,
    },
  );
}

function leaderLine(seat: ManagerSeat, forward: ForwardClient, givesUp: () => boolean): LeaderLine {
  return {
    alone: () => (seat.standing()?.members.length ?? 1) <= 1,
    leads: () => seat.leads(),
    open: () => {
      const { leader, members = [] } = seat.standing() ?? {};
      const found = members.find(({ id }) => id === leader);
      return found && found.address !== '' ? forward.open(found.id, found.address, () => [undefined, found.id].includes(seat.standing()?.leader)) : undefined;
    },
    lost: () => (!givesUp() || seat.standing()?.quorumLostAt === undefined ? undefined : noLeaderRefusal(seat.standing())),
    view: () => seat.view(),
    standing: () => seat.standing(),
    checkRemoval: (id) => seat.checkRemoval(id),
  };
}

function httpJson(socketPath: string, method: string, path: string, body: unknown): ReturnType<Seat['http']> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false, headers: { 'Content-Type': 'application/json' } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, json: text === '' ? undefined : (JSON.parse(text) as unknown) });
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export async function until(is: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 50_000; !is();) {
    if (Date.now() > end) throw new Error(`not within 50 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const leaderOf = (seats: readonly Seat[]): Seat | undefined => seats.find(({ seat }) => seat.leads());
export const voters = ({ seat }: Seat): string[] => (seat.standing()?.members ?? []).filter(({ voter }) => voter).map(({ id }) => id);
export const names = ({ state }: Seat): string[] => [...state.store.list('config')].map(({ Spec }) => Spec.Name).toSorted();
