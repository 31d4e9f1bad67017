/** A node's line to whichever manager serves it: the local one first, the others in an order that chance gives. */
import { Refusal } from '#base/refusal';
import type { Random } from '#base/random';
import type { DispatcherSession, OpenSession } from '#model/object/assignment';
import { clientCredentials, type LiveTls } from './credentials.ts';
import { connectDispatcher, type DispatcherConnection } from './dispatcher-client.ts';

export interface ManagersLineParts {
  /** Socket of the manager on this host; absent on a worker. */
  local?: string;
  /** HOST:PORT of the others as far as they are known now. */
  addresses: () => readonly string[];
  tls: () => LiveTls | undefined;
  random: Random;
}

/** A manager that does not answer must not keep the node from the next one. */
const openLimitMs = 2000;

/** Asks one manager after the other until one opens the session: only the leader does. */
export function managersLine(parts: ManagersLineParts): OpenSession {
  return async (nodeId, description) => {
    let last: unknown = new Refusal('unavailable', 'this node knows no manager');
    for (const connect of candidates(parts)) {
      const connection = connect();
      try {
        return closing(await within(connection.openSession(nodeId, description)), connection);
      } catch (error) {
        connection.close();
        last = error;
      }
    }
    throw last;
  };
}

function candidates({ local, addresses, tls, random }: ManagersLineParts): (() => DispatcherConnection)[] {
  const live = tls();
  const remote = live ? shuffled(addresses(), random).map((address) => () => connectDispatcher(address, clientCredentials(live))) : [];
  return local === undefined ? remote : [() => connectDispatcher(`unix:${local}`), ...remote];
}

/** The connection is the session's own and ends with it. */
function closing(session: DispatcherSession, connection: DispatcherConnection): DispatcherSession {
  return {
    assignments: () => session.assignments(),
    updateTaskStatus: (updates) => session.updateTaskStatus(updates),
    heartbeat: () => session.heartbeat(),
    updateDescription: (next) => session.updateDescription(next),
    close() {
      session.close();
      connection.close();
    },
  };
}

function within(opening: Promise<DispatcherSession>): Promise<DispatcherSession> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refusal('unavailable', `the manager did not open a session within ${openLimitMs} ms`)), openLimitMs);
  });
  return Promise.race([opening, late]).finally(() => clearTimeout(timer));
}

function shuffled(list: readonly string[], random: Random): string[] {
  return list
    .map((item) => ({ item, place: random.next() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
