/** The cluster's certificate authority as the store keeps it; nothing of it but the root and the tokens is ever shown. */

export interface Authority {
  /** The root that nodes trust, PEM. */
  Certificate: string;
  /** Of the root, PKCS#8 PEM. */
  Key: string;
  JoinTokens: JoinTokens;
  /** Counts with `CAConfig.ForceRotate`: a rotation begins when that is above. */
  ForceRotate?: number;
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
  /** The new root signed by the old one: whoever trusts only the old one trusts what the new one signs. */
  CrossSigned: string;
}
