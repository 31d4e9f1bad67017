/** A manager that admits, over a real line. */
import { afterEach, beforeEach } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import type { Clock } from '#base/clock';
import { seededRandom } from '#base/random';
import { newAuthority, newRoot } from '#ca/authority';
import { initCluster } from '#control/clusters';
import { certificates } from '#identity/certificates';
import { askExternal } from '#identity/external-signer';
import { CertificateAuthority } from '#manager/authority/certificate-authority';
import { roleOf } from '#model/manager-address';
import { checkReached } from '#rpc/greeter';
import { joinCluster, type JoinOptions } from '#node/join/join-cluster';
import type { Members } from '#rpc/authorization';
import { CaService } from '#rpc/ca-service';
import { LiveTls, serverCredentials } from '#rpc/credentials';
import { RpcServer } from '#rpc/rpc-server';
import { clusterOf } from '#store/view';
import { MemoryCluster, testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

const never = new AbortController().signal;
export let cluster: MemoryCluster;
/** Who was brought among those who agree. */
export let seated: { id: string; address: string }[];
/** Whose going was asked about. */
export let going: string[];
const seats = () => ({
  add: async (member: { id: string; address: string }): Promise<void> => void seated.push(member),
  checkRemoval: (id: string) => void going.push(id),
});
export const renewal = (request: string, managerAddress = '', seat = '') => ({ request, managerAddress, seat });
let issuer: CertificateAuthority;
let server: RpcServer;
export let address: string;
/** An external CA is asked with the certificate of `boss`. */
const asking = (url: string, body: string, roots: string) => askExternal(url, body, { ...own.now, roots });
export let own: LiveTls;

/** A manager for each test. */
export function hasManager(): void {
  beforeEach(async () => {
    seated = [];
    going = [];
    cluster = new MemoryCluster({ clock: realClock });
    const random = seededRandom(1);
    const authority = newAuthority(await newRoot(certificates, Date.now()), (count) => random.bytes(count));
    cluster.run(initCluster({ nodeId: 'boss', address: '127.0.0.1', description: testDescription, authority: { clusterId: 'c1', authority } }));
    issuer = new CertificateAuthority({
      nodeId: 'boss',
      cluster,
      view: () => cluster.store,
      certificates,
      askExternal: asking,
      checkReached,
      clock: realClock,
      random,
      logger: silentLogger,
      seats,
      incarnation: () => 3,
    });
    const members: Members = {
      clusterId: () => clusterOf(cluster.store)?.ID,
      roleOf: (id) => {
        const node = cluster.store.get('node', id);
        return node && roleOf(node);
      },
      current: () => true,
    };
    const key = certificates.newKey();
    own = new LiveTls({ ...(await issuer.certify('boss', renewal(await certificates.request(key)))), key });
    server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(own), members, logger: silentLogger });
    new CaService(() => issuer, realClock, members).addTo(server);
    address = `127.0.0.1:${await server.start()}`;
  });
  afterEach(() => server.stop());
}

export const tokens = () => clusterOf(cluster.store)?.Shoal?.Authority?.JoinTokens ?? { Worker: '', Manager: '' };
export const nodes = () => [...cluster.store.list('node')].map(({ ID }) => ID);
const options = (more: Partial<JoinOptions> = {}): JoinOptions => ({
  fit: Promise.resolve(),
  remotes: [address],
  token: tokens().Worker,
  availability: 'active',
  advertised: '',
  replaces: '',
  unheard: '',
  ...more,
});
export const join = (more: Partial<JoinOptions> = {}, signal = never, clock: Clock = realClock) => joinCluster(options(more), clock, signal);
