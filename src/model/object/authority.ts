/** The cluster's certificate authority as the store keeps it; nothing of it but the root and the tokens is ever shown. */

/** Whom somebody trusts and who signed him, in the Engine API's words. */
export interface TlsInfo {
  /** PEM. */
  TrustRoot: string;
  /** DER of the issuer's name, base64. */
  CertIssuerSubject: string;
  /** DER of the issuer's key, base64. */
  CertIssuerPublicKey: string;
}

export interface Authority {
  /** The root that nodes trust, PEM. */
  Certificate: string;
  /** Of the root, PKCS#8 PEM. */
  Key: string;
  /** Of the root itself. */
  TLSInfo: TlsInfo;
  JoinTokens: JoinTokens;
  /** Counts with `CAConfig.ForceRotate`: a rotation begins when that is above. */
  ForceRotate?: number;
  /** The roots of before vouch for this one, PEM, newest first: by it a node that missed an exchange still knows its managers. */
  Vouchers?: string;
  /** The root on its way in; absent while none is. */
  Rotation?: RootRotation;
}

export interface JoinTokens {
  Worker: string;
  Manager: string;
}

export interface RootRotation {
  Certificate: string;
  Key: string;
  TLSInfo: TlsInfo;
  /** The new root signed by the old one: whoever trusts only the old one trusts what the new one signs. */
  CrossSigned: string;
}
