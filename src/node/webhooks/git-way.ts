/** Brings a request of git from the door to the daemon's own API, which brings it to whoever leads, and its answer back as it comes. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DoorGitRequest, DoorPlanRequest, DoorVerdictRequest } from '#api/door/git-door';
import { tokenHeader } from '#api/routes/stack/hosted';
import { openCall, messageOf, readText } from '#http/call';
import type { Endpoint } from '#http/endpoint';
import { repositoryPlanMarkdown } from '#model/difference/plan-text';
import type { RepositoryPlan } from '#model/difference/stack-plan';

/** Of an answer that is an error. */
const longestError = 64 * 1024;
const longestPlan = 64 * 1024 * 1024;
const plainHead = { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
/** What git says of what it sends and wants. */
const kept = ['content-type', 'content-encoding', 'accept', 'accept-encoding', 'git-protocol'];

export async function bringGit(
  own: Endpoint,
  { repository, service, query, method, headers, body, token }: DoorGitRequest,
  response: ServerResponse,
): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const path = `/shoal/v1/repositories/${encodeURIComponent(repository)}/git${service}${query === '' ? '' : `?${query}`}`;
  const told = Object.fromEntries(kept.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])));
  const asked = { method, path, headers: { Host: 'docker', ...told, [tokenHeader]: token }, signal: stop.signal };
  const answer = await openCall(own, method === 'POST' ? { ...asked, body: Readable.from(body) } : asked);
  const status = answer.statusCode ?? 502;
  if (status >= 400) {
    const text = messageOf(await readText(answer, longestError));
    return void response.writeHead(status, plainHead).end(`${text}\n`);
  }
  response.writeHead(status, { 'Content-Type': answer.headers['content-type'] ?? '', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  await pipeline(answer, response).catch(() => response.destroy());
}

export async function bringPlan(own: Endpoint, { repository, ref, markdown, token }: DoorPlanRequest, response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const path = `/shoal/v1/repositories/${encodeURIComponent(repository)}/plan?${new URLSearchParams({ ref }).toString()}`;
  const answer = await openCall(own, { method: 'GET', path, headers: { Host: 'docker', [tokenHeader]: token }, signal: stop.signal });
  const text = await readText(answer, longestPlan);
  const status = answer.statusCode ?? 502;
  if (status >= 400) return void response.writeHead(status, plainHead).end(`${messageOf(text)}\n`);
  const body = markdown ? `${repositoryPlanMarkdown(JSON.parse(text) as RepositoryPlan).join('\n')}\n` : text;
  response.writeHead(200, { 'Content-Type': markdown ? 'text/markdown; charset=utf-8' : 'application/json' }).end(body);
}

/** HTTP statuses by verdict: a job's `curl --fail` ends well with a commit that is deployed, and only then. */
const verdictStatus: Readonly<Record<string, number>> = { success: 200, failure: 409, superseded: 409, pending: 504 };

export async function bringVerdict(own: Endpoint, { repository, commit, timeout, token }: DoorVerdictRequest, response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const path = `/shoal/v1/repositories/${encodeURIComponent(repository)}/verdict?${new URLSearchParams({ commit, timeout }).toString()}`;
  const answer = await openCall(own, { method: 'GET', path, headers: { Host: 'docker', [tokenHeader]: token }, signal: stop.signal });
  const text = await readText(answer, longestError);
  const status = answer.statusCode ?? 502;
  if (status >= 400) return void response.writeHead(status, plainHead).end(`${messageOf(text)}\n`);
  const { State } = JSON.parse(text) as { State: string };
  response.writeHead(verdictStatus[State] ?? 502, { 'Content-Type': 'application/json' }).end(text);
}
