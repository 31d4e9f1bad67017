/** A join played through within this process: what a program does for the first time takes several times as long, and whoever joins a host waits for it. */
import type { Logger } from '#base/logger';
import { newId } from '#base/ids';
import { issuerOf } from '#ca/authority';
import { nodeTemplate, type NodeRole } from '#ca/certificate';
import { defaultClusterSpec } from '#control/clusters';
import { certificates } from '#identity/certificates';
import type { DispatcherSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import { CaService, type CertificateIssuer } from '#rpc/ca-service';
import { LiveTls, serverCredentials } from '#rpc/credentials';
import { DispatcherService } from '#rpc/dispatcher-service';
import { managersLine } from '#rpc/managers-line';
import { RpcServer } from '#rpc/rpc-server';
import { describeEngine, type Fitness } from '../founding/fitness.ts';
import { newCluster, type Founded } from '../founding/new-cluster.ts';
import type { DaemonOptions } from '../options.ts';
import { systemClock, systemRandom } from '../system.ts';
import { joinCluster } from './join-cluster.ts';

/** On a busy host; what takes longer is given up. */
const longestMs = 30_000;
const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };

/** Once, by a daemon that is in no cluster, when nobody waits for it. */
export async function rehearse(options: DaemonOptions, fitness: Fitness, logger: Logger): Promise<void> {
  try {
    await fitness.check();
    await rehearseJoin(await describeEngine(options, newId(systemRandom)));
  } catch (error) {
    logger.debug({ error: (error as Error).message }, 'a join could not be rehearsed: one that is asked for takes a little longer, or says what is wrong');
  }
}

/**
 * A manager that exists for this alone, on this host's own address for itself, admits a node by a token that nobody else has, and opens a session
 * for it; then all of it is gone. Rejects where that cannot be; nothing depends on it.
 * @internal
 */
export async function rehearseJoin(description: NodeDescription): Promise<void> {
  const managerId = newId(systemRandom);
  const cluster = await newCluster(managerId);
  const members = { clusterId: () => cluster.clusterId, roleOf: (id: string): NodeRole => (id === managerId ? 'manager' : 'worker'), current: () => true };
  const door = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(new LiveTls(cluster.files)), members, logger: quiet });
  const sessions = new DispatcherService({ openSession: async () => emptySession(), logger: quiet });
  new CaService(() => issuerFor(cluster), systemClock, members).addTo(door);
  sessions.addTo(door);
  const remote = `127.0.0.1:${await door.start()}`;
  try {
    const token = cluster.authority.JoinTokens.Worker;
    const asked = { fit: Promise.resolve(), remotes: [remote], token, availability: 'active', advertised: '', replaces: '', unheard: '' } as const;
    const { nodeId, files } = await joinCluster(asked, systemClock, AbortSignal.timeout(longestMs));
    const tls = new LiveTls(files);
    const line = managersLine({ local: () => undefined, addresses: () => [remote], tls: () => tls, connected: () => {}, random: systemRandom });
    const session = await line(nodeId, description);
    await Promise.all([session.heartbeat(), session.assignments()[Symbol.asyncIterator]().next()]);
    session.close();
  } finally {
    sessions.end();
    await door.stop();
  }
}

function issuerFor({ authority, clusterId, files }: Founded): CertificateIssuer {
  const refuse = (): Promise<never> => Promise.reject(new Error('this manager only admits'));
  return {
    root: async () => authority.Certificate,
    join: async ({ request, token }) => {
      if (token !== authority.JoinTokens.Worker) return await refuse();
      const nodeId = newId(systemRandom);
      const template = nodeTemplate({ nodeId, role: 'worker', clusterId }, systemClock.now(), defaultClusterSpec.CAConfig.NodeCertExpiry);
      const certificate = await certificates.issue(request, template, issuerOf(authority));
      return { certificate, roots: files.roots, nodeId, role: 'worker', managers: [], incarnation: 1 };
    },
    certify: refuse,
  };
}

function emptySession(): DispatcherSession {
  const nothing = async (): Promise<void> => {};
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => (close = resolve));
  return {
    async *assignments() {
      yield { type: 'complete', appliesTo: 0, resultsIn: 1, changes: [] };
      await closed;
    },
    heartbeat: async () => 1000,
    updateTaskStatus: nothing,
    updateDescription: nothing,
    pause: nothing,
    leave: nothing,
    acknowledge: nothing,
    withdrawn: nothing,
    changeAttachment: async () => '',
    close,
  };
}
