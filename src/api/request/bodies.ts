/** Bodies that are more than a spec. */
import type { RepositoryChange } from '#control/repository/repositories';
import { notifyKinds, type AskedTarget } from '#model/git/notify';
import { tokenRoles, type RepositoryToken, type TrustedIssuer } from '#model/object/repository';
import type { NetworkSpec } from '#model/object/network';
import { clusterSpec, networkFields, repositoryCredentials, stackSpec, vaultPlace } from '#model/shape/object-shapes';
import { flag, int64, list, object, record, text, uint32, unbuilt, word, type Unbuilt } from '#model/shape/shape';
import type { ResolveImages } from '#model/image/image-pin';
import type { StackSpec } from '#model/object/stack';
import type { InitRequest, JoinRequest } from '../dependencies.ts';

/** Body of `POST /networks/create`: the spec, flat, and what decides whose network it is. */
export interface NetworkCreateRequest extends NetworkSpec {
  Scope?: string;
  /** Of newer clients; said or not, cluster networks have addresses of version 4. */
  EnableIPv4?: boolean;
}

export const networkCreateRequest = object<NetworkCreateRequest>({ ...networkFields, Scope: text, EnableIPv4: flag });

/** What a request for one of the cluster's networks may not ask: an engine's own networks may. */
export const clusterNetworkRequest = object<Unbuilt<'ConfigOnly' | 'ConfigFrom'>>({
  ConfigOnly: unbuilt('the cluster has no networks of mere settings'),
  ConfigFrom: unbuilt('the cluster has no networks of mere settings'),
});

export const initRequest = object<InitRequest>({
  ListenAddr: text,
  AdvertiseAddr: text,
  DataPathAddr: text,
  DataPathPort: uint32,
  ForceNewCluster: flag,
  AutoLockManagers: flag,
  Availability: word('Availability', 'active', 'pause', 'drain'),
  DefaultAddrPool: list(text),
  SubnetSize: uint32,
  Spec: clusterSpec,
});

export const joinRequest = object<JoinRequest>({
  ListenAddr: text,
  AdvertiseAddr: text,
  DataPathAddr: text,
  Availability: word('Availability', 'active', 'pause', 'drain'),
  RemoteAddrs: list(text),
  JoinToken: text,
});

export const unlockRequest = object<{ UnlockKey?: string }>({ UnlockKey: text });

/** Body of `POST /shoal/v1/stacks/{name}`. */
export interface StackDeployRequest {
  Spec?: StackSpec;
  Prune?: boolean;
  /** Over the stack of a repository, which reverts it. */
  Force?: boolean;
  /** When registries are asked for digests; `changed` unless it is said. */
  ResolveImage?: ResolveImages;
  /** Image reference → X-Registry-Auth text. */
  RegistryAuth?: Readonly<Record<string, string>>;
  /** The fingerprint of the plan that is carried out. */
  Expect?: string;
  /** Who deploys, for the history; nobody checks it. */
  Who?: string;
}

export const stackDeployRequest = object<StackDeployRequest>({
  Spec: stackSpec,
  Prune: flag,
  Force: flag,
  ResolveImage: word('ResolveImage', 'always', 'changed', 'never'),
  RegistryAuth: record(text),
  Expect: text,
  Who: text,
});

export const stackRollbackRequest = object<{ To?: number; Who?: string }>({ To: uint32, Who: text });

export const stackAdoptRequest = object<{ Repository?: string }>({ Repository: text });

export const repositoryConfirmRequest = object<{ Commit?: string }>({ Commit: text });

export const repositoryThawRequest = object<{ Reason?: string; For?: number; Who?: string }>({ Reason: text, For: int64, Who: text });

export const repositoryNotifyRequest = object<Partial<AskedTarget>>({
  Kind: word('Kind', ...notifyKinds),
  URL: text,
  Project: text,
  Secret: text,
  MergeRequests: flag,
});

export const repositoryIssuerRequest = object<Partial<Omit<TrustedIssuer, 'ID'>>>({
  Issuer: text,
  Subject: text,
  Audience: text,
  Role: word('Role', ...tokenRoles),
});

export interface RepositoryTokenRequest {
  Role?: RepositoryToken['Role'];
  Note?: string;
  /** SHA-256 of the token, hex: the token itself stays with who made it. */
  Digest?: string;
}

export const repositoryTokenRequest = object<RepositoryTokenRequest>({ Role: word('Role', ...tokenRoles), Note: text, Digest: text });

export const repositoryChange = object<RepositoryChange>({
  URL: text,
  Credentials: repositoryCredentials,
  Branch: text,
  Path: text,
  Interval: int64,
  Trust: word('Trust', 'full', 'limited'),
  Allow: list(text),
  Disallow: list(text),
  Ref: text,
  SemVer: text,
  Environment: text,
  Variables: record(text),
  Unset: list(text),
  Signers: text,
  Rewrites: word('Rewrites', 'hold', 'follow'),
  OnFailure: word('OnFailure', 'rollback', 'stay'),
  Freeze: list(text),
  Deadline: int64,
  PruneGrace: int64,
  WebhookSecret: text,
  Vault: vaultPlace,
});
