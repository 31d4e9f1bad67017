/** Every request that changes a Docker Swarm for us: of the reconciler beside one, and of a command that is pointed at one. */
import { saltBytes, slowDigest } from '#base/slow-digest';
import type { NetworkSpec } from '#model/object/network';
import type { SecretSpec } from '#model/object/secret';
import type { ServiceSpec } from '#model/object/service-spec';
import { contentLabel } from '#model/version-names';
import { networkBody, serviceBody, type OtherDrivers } from './bodies.ts';

/** The client that a request goes by; it throws its own errors for what the engine refuses. */
export interface SwarmClient {
  apiMinor(): Promise<number>;
  post<T>(path: string, body?: unknown, options?: PostOptions): Promise<T>;
  delete<T>(path: string): Promise<T>;
}

interface PostOptions {
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

type FileKind = 'secret' | 'config';

/** An object that is there: Docker refuses a change that was made from an older one. */
interface Present {
  ID: string;
  Version: { Index: number };
}

interface Answer {
  ID?: string;
  Id?: string;
}

/** The new object's id; '' where the engine gives none. */
function idOf({ ID, Id }: Answer): string {
  return ID ?? Id ?? '';
}

export async function createNetwork(client: SwarmClient, spec: NetworkSpec, otherDrivers: OtherDrivers): Promise<string> {
  return idOf(await client.post<Answer>('/networks/create', networkBody(spec, await client.apiMinor(), otherDrivers)));
}

export async function createFile(client: SwarmClient, kind: FileKind, spec: SecretSpec): Promise<string> {
  return idOf(await client.post<Answer>(`/${kind}s/create`, spec));
}

export async function updateFile(client: SwarmClient, kind: FileKind, present: Present, spec: SecretSpec): Promise<void> {
  await client.post(`/${kind}s/${present.ID}/update`, spec, atVersion(present));
}

/** Refuses what Docker cannot do, before anything is sent. `registryAuth`: X-Registry-Auth for the image. */
export async function createService(client: SwarmClient, spec: ServiceSpec, registryAuth?: string): Promise<string> {
  return idOf(await client.post<Answer>('/services/create', serviceBody(spec).body, authHeader(registryAuth)));
}

/** The engine's warnings. */
export async function updateService(client: SwarmClient, present: Present, spec: ServiceSpec, registryAuth?: string): Promise<readonly string[]> {
  const options = { ...atVersion(present), ...authHeader(registryAuth) };
  const answer = await client.post<{ Warnings?: readonly string[] | null } | undefined>(`/services/${present.ID}/update`, serviceBody(spec).body, options);
  return answer?.Warnings ?? [];
}

export async function removeObject(client: SwarmClient, kind: FileKind | 'service' | 'network', id: string): Promise<void> {
  await client.delete(`/${kind}s/${encodeURIComponent(id)}`);
}

/** Docker never shows a secret again: the label tells whether another has the same content. `random` gives a salt. */
export function withDigest(spec: SecretSpec, random: (count: number) => Uint8Array): SecretSpec {
  if (spec.Data === undefined) return spec;
  return { ...spec, Labels: { ...spec.Labels, [contentLabel]: slowDigest(Buffer.from(spec.Data, 'base64'), random(saltBytes)) } };
}

function atVersion({ Version }: Present): { query: Record<string, string> } {
  return { query: { version: String(Version.Index) } };
}

function authHeader(registryAuth: string | undefined): { headers?: Record<string, string> } {
  return registryAuth ? { headers: { 'X-Registry-Auth': registryAuth } } : {};
}
