/** What the authority needs of keys and signatures; all texts are PEM. */
import type { TlsInfo } from '#model/object/authority';
import type { Subject, Template, Validity } from './certificate.ts';

/** Who signs: a root, or a new root whose certificate the old one has signed too. */
export interface Issuer {
  certificate: string;
  key: string;
  /** Goes along with what is signed. */
  crossSigned?: string;
}

/** P-256 throughout. */
export interface Certificates {
  /** A new private key, PKCS#8. */
  newKey(): string;
  selfSigned(key: string, template: Template): Promise<string>;
  /** A request to certify the key; it proves that the asker has it. */
  request(key: string): Promise<string>;
  /**
   * A certificate for the key of `request`, whatever subject that names, followed by the issuer's cross-signed one.
   * Refuses `invalidArgument` what is no request, has another kind of key, or is not signed by it.
   */
  issue(request: string, template: Template, issuer: Issuer): Promise<string>;
  /** Refuses `invalidArgument` what `issue` would. */
  checkRequest(request: string): Promise<void>;
  /** The root `certificate` as signed by `issuer`. */
  crossSign(certificate: string, issuer: Issuer): Promise<string>;
  /** Whom the owner of `certificate` trusts, and who of them signed it; a root signed itself. */
  tlsInfo(certificate: string, roots: string): TlsInfo;
  /** What a certificate says of itself; of a chain, its first. Refuses `invalidArgument` what is none. */
  read(certificate: string): CertificateFacts;
  /** The certificate is for this key; false also of texts that are neither. */
  belongs(certificate: string, key: string): boolean;
  /** What one root is; refuses `invalidArgument` what is none that can sign, or several. */
  root(certificate: string): Validity;
  /** Why two nodes that have `certificate` (with what goes along) and its key, and trust `roots`, would not take one another, by OpenSSL's name for it; undefined where they would. Times do not count. */
  connectingFault(certificate: string, key: string, roots: string): Promise<string | undefined>;
  /** SHA-256 of the key that a certificate or a request is for, base64; undefined of what is neither. */
  keyDigest(text: string): string | undefined;
  /** One of `roots` vouches for the certificate. Times do not count. */
  isVouchedFor(certificate: string, roots: string): boolean;
  /** Why the certificate is not one of `key` that `roots` vouch for; undefined when it is. Times do not count. */
  fault(certificate: string, key: string, roots: string): string | undefined;
}

export interface CertificateFacts {
  subject: Subject;
  /** DNS names. */
  names: readonly string[];
  validity: Validity;
  /** It may sign others. */
  authority: boolean;
  /** Serves at both ends of a connection: what every node does. */
  bothEnds: boolean;
}
