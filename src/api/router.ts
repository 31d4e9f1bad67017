/** Finds the handler of a request: a list of methods and patterns, tried in order. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './errors.ts';
import type { RequestTarget } from './target.ts';

/** One request on its way through the API. */
export interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  target: RequestTarget;
  query: URLSearchParams;
  /** Values of the pattern's `{}` places. */
  parameters: readonly string[];
  /** Aborted when the client goes away or the server stops. */
  signal: AbortSignal;
  /** Changes that it has asked for so far. */
  changes: number;
  /** Under which they are asked for again, where the client gave no key. */
  key?: string;
  /** How far a log was told that was followed at another leader before; the answer has begun. */
  places?: ReadonlyMap<string, string>;
}

/** What a handler answers; 'sent' when it wrote the response itself. */
/** `list`: made as it goes out, over turns in which the state may change: of what was taken from it before. */
export type Answer = 'sent' | { status: number; json?: unknown; list?: Iterable<unknown> };

export type Handler = (call: Call) => Promise<Answer> | Answer;

export interface Route {
  method: string;
  /** `/services/{}/logs`: each `{}` is one segment. */
  pattern: string;
  handler: Handler;
}

export function get(pattern: string, handler: Handler): Route {
  return { method: 'GET', pattern, handler };
}

export function post(pattern: string, handler: Handler): Route {
  return { method: 'POST', pattern, handler };
}

export function remove(pattern: string, handler: Handler): Route {
  return { method: 'DELETE', pattern, handler };
}

export interface Found {
  handler: Handler;
  /** Of the route. */
  pattern: string;
  parameters: readonly string[];
}

/** Compiles routes into a look-up by method and path (decoded, cleaned, unversioned); no match gives undefined. */
export function router(routes: readonly Route[]): (method: string, path: string) => Found | undefined {
  const compiled = new Map<string, { handler: Handler; pattern: string; expression: RegExp }[]>();
  for (const { method, pattern, handler } of routes) {
    const source = pattern.split('{}').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const key = `${method} ${firstSegment(pattern)}`;
    compiled.set(key, [...(compiled.get(key) ?? []), { handler, pattern, expression: new RegExp(`^${source.join('([^/]+)')}$`) }]);
  }
  return (method, path) => {
    for (const { handler, pattern, expression } of compiled.get(`${method} ${firstSegment(path)}`) ?? []) {
      const match = expression.exec(path);
      if (match) return { handler, pattern, parameters: match.slice(1) };
    }
    return undefined;
  };
}

/** No pattern begins with a `{}`. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}

/** The n-th `{}` of the call's path. */
export function parameter(call: Call, index = 0): string {
  return call.parameters[index] ?? '';
}

/** Go's reading of a boolean query key: absent, empty, 0, no, false and none are false. */
export function flag(call: Call, key: string): boolean {
  const value = (call.query.get(key) ?? '').trim().toLowerCase();
  return !['', '0', 'no', 'false', 'none'].includes(value);
}

/** A boolean query key where Docker refuses what Go's strconv.ParseBool does; absent and empty are false. `reason`: some routes say Go's own, too. */
export function strictFlag(call: Call, key: string, { reason = false } = {}): boolean {
  const value = call.query.get(key) ?? '';
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['', '0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  const why = reason ? `: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax` : '';
  throw new HttpError(400, `invalid value for ${key}: ${value}${why}`);
}

/** `?version=` of an update, refused in Go's words when it is no number. */
export function versionParameter(call: Call, kind: string): number {
  const text = call.query.get('version') ?? '';
  const digits = /^\d+$/.test(text);
  if (digits && BigInt(text) < 2n ** 64n) return Number(text);
  if (kind === 'secret' || kind === 'config') throw new HttpError(400, `invalid ${kind} version`);
  const fault = digits ? 'value out of range' : 'invalid syntax';
  throw new HttpError(400, `invalid ${kind} version '${text}': strconv.ParseUint: parsing ${JSON.stringify(text)}: ${fault}`);
}
