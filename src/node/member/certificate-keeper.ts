/** This node's certificate: read from its files or asked for, renewed in time, and there for every new connection. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { identityOf, type NodeRole } from '#ca/certificate';
import type { Certificates } from '#ca/contract';
import { hasExpired, renewAgainMs, renewAt } from '#ca/renewal';
import { readCertificateFiles, stageKey, writeCertificateFiles, type NodeCertificate } from '#identity/certificate-files';
import { swarmTexts } from '#model/swarm-texts';
import type { Trust } from '#model/object/assignment';
import type { TlsInfo } from '#model/object/authority';
import { LiveTls } from '#rpc/credentials';

export interface Certified {
  certificate: string;
  roots: string;
  /** Of the managers as a group. */
  incarnation: number;
}

/** Whether the node asks to become a manager with it, or stays what it is. */
export type Seat = 'wanted' | 'unwanted';

export interface CertificateKeeperParts {
  /** The state folder. */
  state: string;
  nodeId: string;
  certificates: Certificates;
  /** Has a key certified by the cluster; `request` is PEM. */
  certify: (request: string, seat: Seat) => Promise<Certified>;
  /** What the key's file is sealed with; undefined: nothing. */
  lock: () => string | undefined;
  /** Told when another key of this node has been certified. */
  renewed: () => void;
  clock: Clock;
  random: Random;
  logger: Logger;
}

const expired = 'it has expired';
const longestStepMs = 24 * 3_600_000;

export class CertificateKeeper {
  readonly #parts: CertificateKeeperParts;
  #tls: LiveTls | undefined;
  #expired: LiveTls | undefined;
  #renewing = false;
  #cancel: () => void = () => {};
  #failures = 0;
  #problem: string | undefined;
  #stopped = false;

  constructor(parts: CertificateKeeperParts) {
    this.#parts = parts;
  }

  /** What proves who this node is, though it may be good for nothing else any more. */
  get proof(): LiveTls | undefined {
    return this.#tls ?? this.#expired;
  }

  /** Undefined while the node has none that is good. */
  get tls(): LiveTls | undefined {
    return this.#tls;
  }

  /** Why the node has no good certificate; undefined while it has one. */
  get problem(): string | undefined {
    return this.#tls ? undefined : this.#problem;
  }

  /** The role that the certificate names; undefined while there is none. */
  get role(): NodeRole | undefined {
    const now = this.#tls?.now;
    return now && identityOf(this.#parts.certificates.read(now.certificate).subject)?.role;
  }

  tlsInfo(): TlsInfo | undefined {
    const now = this.#tls?.now;
    return now && this.#parts.certificates.tlsInfo(now.certificate, now.roots);
  }

  /** Takes what the files hold unless it has one already; where that is not good, `obtain` sees to another. */
  loadKnown(): void {
    if (!this.#tls) this.load();
  }

  /** Takes what the files hold; false when that is no good certificate of this node, and another has to be asked for. */
  load(): boolean {
    const { state, certificates } = this.#parts;
    const files = readCertificateFiles(state, (certificate, key) => certificates.belongs(certificate, key), this.#parts.lock());
    const fault = files ? this.#fault(files) : 'there is none';
    this.#problem = fault === expired ? swarmTexts.expired : `this node has no good certificate: ${fault ?? ''}`;
    this.#expired = files && fault === expired ? new LiveTls(files) : undefined;
    if (!files || fault !== undefined) {
      this.#parts.logger.info({ fault }, 'this node has no good certificate: it asks for one');
      return false;
    }
    this.#use(files);
    return true;
  }

  /** Takes a certificate that came with joining or founding. */
  take(files: NodeCertificate): void {
    writeCertificateFiles(this.#parts.state, files, this.#parts.lock());
    this.#use(files);
  }

  /** Sees to a good certificate: at once if that can be, else as soon as the cluster can give one. */
  async obtain(): Promise<void> {
    if (!this.#tls && !this.load()) await this.#renewInTime();
  }

  /** Whether its certificate is signed by whom the managers want, and it trusts whom they say. */
  trusts({ Roots, IssuerKey }: Trust): 'yes' | 'otherRoots' | 'otherIssuer' {
    const info = this.tlsInfo();
    if (!info || info.CertIssuerPublicKey !== IssuerKey) return 'otherIssuer';
    return info.TrustRoot === Roots ? 'yes' : 'otherRoots';
  }

  /** Trusts `roots` from now on, with the certificate that it has. */
  trust(roots: string): void {
    const now = this.#tls?.now;
    if (now) this.take({ ...now, roots });
  }

  /** Asks for another certificate soon, where the one it has does not help any more. */
  refused(): void {
    if (!this.#tls || this.#failures > 0 || this.#renewing) return;
    this.#renewing = true;
    void this.#renewInTime().then(() => (this.#renewing = false));
  }

  /** Has a new key certified; the old one counts until that is done. */
  async renew(seat: Seat = 'unwanted'): Promise<Certified | undefined> {
    const { certificates, certify } = this.#parts;
    const key = certificates.newKey();
    const issued = await certify(await certificates.request(key), seat);
    if (this.#stopped) return undefined;
    const files = { certificate: issued.certificate, roots: issued.roots, key };
    const fault = this.#fault(files);
    if (fault !== undefined) throw new Error(`what was issued is no good certificate: ${fault}`);
    this.take(files);
    this.#failures = 0;
    this.#parts.renewed();
    return issued;
  }

  /** Before the lock becomes another: a crash then loses nothing. */
  stage(lock: string | undefined): void {
    const now = this.#tls?.now;
    if (now) stageKey(this.#parts.state, now.key, lock);
  }

  /** The lock has become another. */
  sealAgain(): void {
    const now = this.#tls?.now;
    if (now) writeCertificateFiles(this.#parts.state, now, this.#parts.lock());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #use(files: NodeCertificate): void {
    if (this.#tls) this.#tls.replace(files);
    else this.#tls = new LiveTls(files);
    const { certificates, clock, random } = this.#parts;
    this.#schedule(renewAt(certificates.read(files.certificate).validity, random.next()) - clock.now());
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    if (this.#stopped) return;
    // Timers overflow after 24 days: a long wait is made of shorter ones.
    const step = Math.min(Math.max(delayMs, 0), longestStepMs);
    this.#cancel = this.#parts.clock.after(step, () => {
      if (delayMs > step) this.#schedule(delayMs - step);
      else void this.#renewInTime();
    });
  }

  async #renewInTime(): Promise<void> {
    try {
      await this.renew();
      this.#parts.logger.info({}, 'the node has a new certificate: its lines to the managers go on with it');
    } catch (error) {
      const delayMs = renewAgainMs(++this.#failures, this.#tls !== undefined, this.#parts.random.next());
      this.#parts.logger.warn(
        { error: (error as Error).message, delayMs },
        this.#tls
          ? 'this node got no new certificate: the one it has serves until it expires, and another is asked for after the delay'
          : 'this node has no good certificate, and got none: another is asked for after the delay',
      );
      this.#schedule(delayMs);
    }
  }

  #fault({ certificate, key, roots }: NodeCertificate): string | undefined {
    const { certificates, nodeId, clock } = this.#parts;
    const fault = certificates.fault(certificate, key, roots);
    if (fault !== undefined) return fault;
    const { subject, validity } = certificates.read(certificate);
    if (identityOf(subject)?.nodeId !== nodeId) return `it is that of node ${subject.commonName}`;
    return hasExpired(validity, clock.now()) ? expired : undefined;
  }
}
