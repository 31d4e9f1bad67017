/** The leader's certificate signing: a cluster gets its authority, nodes get their certificates. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import type { OneByOne } from '#base/pace/one-by-one';
import { Refusal } from '#base/refusal';
import { issuerOf, newAuthority, newRoot } from '#ca/authority';
import { joinPem, trustedRoots } from '#model/trust/trust';
import { nodeTemplate, type NodeRole, type Template } from '#ca/certificate';
import type { Certificates, Issuer } from '#ca/contract';
import { certificateIn, externalsFor, signingRequest, type Asked } from '#ca/external';
import { greetingOf } from '#ca/greeting';
import type { Cluster } from '#control/cluster';
import { setAuthority } from '#control/clusters';
import { type Certified, admitNode, noteCertificate, noteLeft, noteUnreached, roleGranted, seatManager } from '#control/nodes';
import { certifiedRole, hostPort, isPlace, managerAddress, managerAddresses, managerPort, roleOf } from '#model/manager-address';
import type { Cluster as ClusterObject, ClusterSpec } from '#model/object/cluster';
import type { Node, NodeSpec } from '#model/object/node';
import { changedAuthority } from './root-change.ts';
import { swarmTexts } from '#model/swarm-texts';
import type { Authority } from '#model/object/authority';
import type { MemberChanges } from '#replica/replicated-log';
import { clusterOf, type View } from '#store/view';
import type { Duty } from '../leader-duties.ts';
import { signingLine } from './signing-line.ts';

/** Those who agree, and what of them depends on who joins. */
export type Seats = Pick<MemberChanges, 'add' | 'checkRemoval'>;

export interface AuthorityParts {
  /** Of the leader itself. */
  nodeId: string;
  cluster: Cluster;
  /** What this leader holds: all that was written by it, and perhaps less than another has written that leads by now. */
  view: () => View;
  seats: () => Seats;
  /** Of the group: raised when it is made anew from one member. */
  incarnation: () => number;
  certificates: Certificates;
  /** What the authority elsewhere at `url` answers; `roots`, PEM, are whom to believe there. Refuses `unavailable`. */
  askExternal: (url: string, body: string, roots: string) => Promise<string>;
  /** Refuses where who says `greeting` is not reached at `address`, HOST:PORT. */
  checkReached: (address: string, greeting: string) => Promise<void>;
  clock: Clock;
  /** The operating system's: secrets come of it. */
  random: Random;
  logger: Logger;
}

/** PEM texts. */
export interface IssuedCertificate {
  certificate: string;
  roots: string;
  /** Of the group that a manager joins. */
  incarnation: number;
}

/** What a node says that wants to join. */
export interface Joining {
  request: string;
  token: string;
  availability: string;
  /** HOST:PORT under which others reach it if it is a manager; empty: where it comes from, on the usual port. */
  advertised: string;
  /** Id or name of a node that is lost and whose place this one takes; empty: none. */
  replaces: string;
  /** Why nobody can reach it as a manager; empty: others can. */
  unheard: string;
  /** Whether it says the digest of `request` to whoever connects where it wants to be a manager; an earlier program does not. */
  greets: boolean;
}

/** What a member says that wants another certificate. */
export interface Renewing {
  request: string;
  /** HOST:PORT under which others reach it as a manager; empty: where its node is known to be. */
  managerAddress: string;
  /** Whether it wants a seat among the managers, and greets as one that joins, or keeps the role that it has; empty, of an earlier program: what is wanted of it. */
  seat: string;
}

export interface Joined extends IssuedCertificate {
  nodeId: string;
  role: NodeRole;
  /** HOST:PORT of each manager; whoever leads comes first. */
  managers: string[];
}

/** Between the entry that makes a node and its certificate. */
const slackMs = 60_000;

export class CertificateAuthority implements Duty {
  readonly #parts: AuthorityParts;
  /** What those who come with a token send, and what members are given: the one line does not wait for the other. */
  readonly #joins = signingLine();
  readonly #members = signingLine();
  /** Members whose next certificate is being made. */
  readonly #renewing = new Set<string>();
  #issuer: { authority: Authority; issuer: Issuer } | undefined;

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
  }

  /** A cluster of before there were certificates gets its authority. */
  async start(): Promise<void> {
    const { cluster, certificates, clock, random, logger } = this.#parts;
    const view = await cluster.read();
    // While one is made by `swarm init` there is none yet; it brings its authority along.
    if (!clusterOf(view) || clusterOf(view)?.Shoal?.Authority) return;
    const root = await newRoot(certificates, clock.now());
    await cluster.submit(setAuthority(newAuthority(root, (count) => random.bytes(count))));
    logger.info({}, 'the cluster has a certificate authority and join tokens from now on');
  }

  async stop(): Promise<void> {
    this.#issuer = undefined;
  }

  /** The root that tokens name. Whoever asks judges it by his token: nobody else is asked whether it is the last one. */
  async root(): Promise<string> {
    return authorityIn(this.#parts.view()).authority.Certificate;
  }

  /** Makes a member of whoever has a token, and certifies his key. Refuses a wrong token with the fact `token`. */
  async join({ request, token, availability, advertised, replaces, unheard, greets }: Joining, address: string): Promise<Joined> {
    const { cluster, certificates, seats } = this.#parts;
    // Of whom nobody sent here nothing is read.
    const { known, granted } = await this.#grants(token);
    // What is no request shall leave no node behind.
    await this.#joins.alone(() => certificates.checkRequest(request));
    // Asked again it is gone already.
    const lost = replaces === '' ? undefined : (known.get('node', replaces) ?? known.byName('node', replaces));
    if (lost && roleOf(lost) === 'manager') seats().checkRemoval(lost.ID);
    if (granted === 'manager' && greets && unheard === '') await this.#checkReached(request, advertised || hostPort(address, managerPort));
    const wanted = {
      token,
      availability: availability as NodeSpec['Availability'],
      address,
      managerAddress: advertised,
      replaces,
      unheard,
      key: certificates.keyDigest(request),
    };
    // Asked again with the same request, when an answer was lost, it makes no second node.
    const { nodeId, role } = await cluster.submit(admitNode(wanted), `join ${greetingOf(request)}`);
    // The answer says that what it rests on is here.
    const view = this.#parts.view();
    const node = view.get('node', nodeId);
    if (!node) throw new Refusal('permissionDenied', `node ${nodeId} was removed from swarm`);
    // The answer of before is given again for a while.
    if (role === 'manager' && certifiedRole(node) !== 'manager') throw new Refusal('permissionDenied', `node ${nodeId} is no manager any more: join again`);
    // A learner costs nobody a majority: should the joiner be gone by now, it is removed as any other manager.
    const seated = role === 'manager' ? seats().add({ id: nodeId, address: managerAddress(node) }) : undefined;
    // It is signed meanwhile, and given to nobody before.
    const [issued] = await Promise.all([this.#issue(view, nodeId, { role, request }, this.#joins), seated]);
    this.#parts.logger.info({ node: nodeId, role, address }, 'a node joined the cluster by token');
    // An external CA goes by its own rules.
    if (issued.until > (node.Shoal?.KeyUntil ?? 0) + slackMs) await this.#note(nodeId, request, { role, until: issued.until });
    const leader = view.get('node', this.#parts.nodeId);
    const managers = new Set([...(leader ? [managerAddress(leader)] : []), ...managerAddresses(view.list('node'))]);
    return { ...issued, nodeId, role, managers: [...managers] };
  }

  /** A view that grants something for the token. It is taken as it is here, for who is let in is decided by the entry; a refusal is by all that was written anywhere. */
  async #grants(token: string): Promise<{ known: View; granted: NodeSpec['Role'] }> {
    const { cluster, view } = this.#parts;
    try {
      return { known: view(), granted: roleGranted(view(), token) };
    } catch {
      const known = await cluster.read();
      return { known, granted: roleGranted(known, token) };
    }
  }

  /**
   * Certifies the key of `request` for a member, in the role that the cluster wants of it. Refuses `failedPrecondition` a seat where nobody would reach it.
   * @param shown digest of the key that the node has shown to have
   */
  async certify(nodeId: string, asked: Renewing, shown?: string): Promise<IssuedCertificate> {
    // All members wait in one line: a place in it is enough for each.
    if (this.#renewing.has(nodeId)) throw new Refusal('unavailable', `node ${nodeId} asks for a certificate already`);
    this.#renewing.add(nodeId);
    return await this.#certify(nodeId, asked, shown).finally(() => this.#renewing.delete(nodeId));
  }

  async #certify(nodeId: string, { request, managerAddress: address, seat }: Renewing, shown: string | undefined): Promise<IssuedCertificate> {
    const { cluster } = this.#parts;
    const view = await cluster.read();
    const node = view.get('node', nodeId);
    if (!node) throw new Refusal('permissionDenied', `node ${nodeId} was removed from swarm`);
    // It has to go on as a worker while it cannot be reached as a manager.
    const role = seat === 'unwanted' && roleOf(node) === 'worker' ? 'worker' : certifiedRole(node);
    if (role === 'manager' && roleOf(node) !== 'manager') {
      const place = address || managerAddress(node);
      if (seat === 'wanted') await this.#checkPromoted(node, request, place);
      await this.#promote(node, place);
    }
    const issued = await this.#issue(view, nodeId, { role, request }, this.#members);
    await this.#note(nodeId, request, { role, until: issued.until, shown });
    if (node.Shoal?.Leaving) await cluster.submit(noteLeft(nodeId));
    return issued;
  }

  /** What the settings make of the authority; undefined where it stays as it is. */
  async change(cluster: ClusterObject, wanted: ClusterSpec['CAConfig']): Promise<Authority | undefined> {
    const { certificates, clock } = this.#parts;
    const authority = cluster.Shoal?.Authority;
    if (!authority) return undefined;
    const signs = (issuer: string) => this.#signs(issuer, { ...cluster, Spec: { ...cluster.Spec, CAConfig: wanted } });
    return changedAuthority(authority, wanted, { certificates, now: clock.now(), signs });
  }

  /** By its key a node is known again where its certificate says nothing any more. */
  async #note(nodeId: string, request: string, certified: Pick<Certified, 'role' | 'until' | 'shown'>): Promise<void> {
    const key = this.#parts.certificates.keyDigest(request);
    await this.#parts.cluster.submit(noteCertificate(nodeId, { ...certified, key }));
  }

  /** A seat that nobody reaches is one that the others count on for nothing. */
  async #checkReached(request: string, address: string): Promise<void> {
    // What is no place at all the entry refuses.
    if (isPlace(address)) await this.#parts.checkReached(address, greetingOf(request));
  }

  /** Who asked for the promotion was answered long ago: he finds at the node why it is none. */
  async #checkPromoted({ ID }: Node, request: string, address: string): Promise<void> {
    try {
      await this.#checkReached(request, address);
    } catch (error) {
      const { message } = error as Error;
      await this.#parts.cluster.submit(noteUnreached(ID, message));
      throw error;
    }
  }

  /** Among those who agree first: a certificate without that would make a manager whom nobody asks. */
  async #promote({ ID }: Node, address: string): Promise<void> {
    const { cluster, seats, logger } = this.#parts;
    await cluster.submit(seatManager(ID, address));
    await seats().add({ id: ID, address });
    logger.info({ node: ID, address }, 'a node becomes a manager: it votes once it holds the log');
  }

  async #issue(
    view: View,
    nodeId: string,
    { role, request }: { role: NodeRole; request: string },
    line: OneByOne,
  ): Promise<IssuedCertificate & { until: number }> {
    const { clock, incarnation } = this.#parts;
    const { authority, clusterId, settings } = authorityIn(view);
    const template = nodeTemplate({ nodeId, role, clusterId }, clock.now(), settings.NodeCertExpiry);
    const { certificate, until } = await this.#sign({ request, template }, authority, settings, line);
    return { certificate, roots: trustedRoots(authority), incarnation: incarnation(), until };
  }

  /** The same one as long as the authority is. */
  #issuerOf(authority: Authority): Issuer {
    if (this.#issuer?.authority !== authority) this.#issuer = { authority, issuer: issuerOf(authority) };
    return this.#issuer.issuer;
  }

  /** Where an external CA is set for the root, it signs, and nobody else does. */
  async #sign(
    { request, template }: { request: string; template: Template },
    authority: Authority,
    settings: ClusterSpec['CAConfig'],
    line: OneByOne,
  ): Promise<{ certificate: string; until: number }> {
    const { certificates } = this.#parts;
    const issuer = this.#issuerOf(authority);
    const urls = externalsFor(issuer.certificate, authority, settings);
    if (urls.length === 0) return { certificate: await line.alone(() => certificates.issue(request, template, issuer)), until: template.validity.notAfter };
    // What is no request is refused here, as it is without an external CA.
    await certificates.checkRequest(request);
    const leaf = await this.#askExternals(urls, { request, template, issuer: issuer.certificate }, trustedRoots(authority));
    const until = certificates.read(leaf).validity.notAfter;
    return { certificate: issuer.crossSigned === undefined ? leaf : joinPem(leaf, issuer.crossSigned), until };
  }

  /** The first that signs is enough. */
  async #askExternals(urls: readonly string[], asked: Asked, roots: string): Promise<string> {
    const { certificates, askExternal, clock, logger } = this.#parts;
    const body = signingRequest(asked.request, asked.template);
    let failure: unknown;
    for (const url of urls) {
      try {
        return certificateIn(await askExternal(url, body, joinPem(roots, asked.issuer)), asked, clock.now(), certificates);
      } catch (error) {
        failure = error;
        logger.warn({ url, error: (error as Error).message }, 'an external CA did not sign: the node that asked waits, and asks again');
      }
    }
    throw failure;
  }

  /** Whether an external CA signs with the root `issuer`, and connections stand on that: one that nobody has a key of here is good for nothing otherwise. */
  async #signs(issuer: string, cluster: ClusterObject): Promise<boolean> {
    const { certificates, clock } = this.#parts;
    const { authority, settings, clusterId } = settingsOf(cluster);
    const urls = externalsFor(issuer, authority, settings);
    const key = certificates.newKey();
    const request = await certificates.request(key);
    const template = nodeTemplate({ nodeId: 'probe', role: 'worker', clusterId }, clock.now(), settings.NodeCertExpiry);
    const asked = urls.length > 0 ? this.#askExternals(urls, { request, template, issuer }, trustedRoots(authority)) : Promise.reject(new Error('none'));
    return asked.then(
      async (leaf) => (await certificates.connectingFault(leaf, key, issuer)) === undefined,
      () => false,
    );
  }
}

interface Settled {
  authority: Authority;
  clusterId: string;
  settings: ClusterSpec['CAConfig'];
}

function authorityIn(view: View): Settled {
  return settingsOf(clusterOf(view));
}

function settingsOf(cluster: ClusterObject | undefined): Settled {
  const authority = cluster?.Shoal?.Authority;
  if (!cluster || !authority) throw new Refusal('unavailable', swarmTexts.starting);
  return { authority, clusterId: cluster.ID, settings: cluster.Spec.CAConfig };
}
