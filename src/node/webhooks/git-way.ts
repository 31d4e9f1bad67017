/**
 * Brings a request of git from the door to the daemon's own API, which brings it to whoever leads, and its answer back as it comes. A push whose leader goes away
 * after it was taken ends well, with what became of it by the next one.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DoorGitRequest, DoorPlanRequest, DoorVerdictRequest } from '#api/door/git-door';
import { tokenHeader } from '#api/routes/stack/hosted';
import { shortCommit } from '#base/text/text';
import { openCall, messageOf, readText } from '#http/call';
import type { Endpoint } from '#http/endpoint';
import { repositoryPlanMarkdown } from '#model/difference/plan-text';
import { answerEnd, PushAnswer, pushedCommit, shownLine } from '#model/git/push-answer';
import type { RepositoryPlan } from '#model/difference/stack-plan';

/** Of an answer that is an error. */
const longestError = 64 * 1024;
const longestPlan = 64 * 1024 * 1024;
const plainHead = { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
/** In it stands what a push is of. */
const begunBytes = 256;
/** What git says of what it sends and wants. */
const kept = ['content-type', 'content-encoding', 'accept', 'accept-encoding', 'git-protocol'];

export async function bringGit(
  own: Endpoint,
  { repository, service, query, method, headers, body, token, closing }: DoorGitRequest,
  response: ServerResponse,
): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const path = `/shoal/v1/repositories/${encodeURIComponent(repository)}/git${service}${query === '' ? '' : `?${query}`}`;
  const told = Object.fromEntries(kept.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])));
  const asked = { method, path, headers: { Host: 'docker', ...told, [tokenHeader]: token }, signal: stop.signal };
  let begin: Uint8Array = new Uint8Array();
  const noted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const part of body) {
      if (begin.length < begunBytes) begin = Buffer.concat([begin, part.subarray(0, begunBytes)]);
      yield part;
    }
  };
  const answer = await openCall(own, method === 'POST' ? { ...asked, body: Readable.from(noted()) } : asked);
  const status = answer.statusCode ?? 502;
  if (status >= 400) {
    const text = messageOf(await readText(answer, longestError));
    return void response.writeHead(status, plainHead).end(`${text}\n`);
  }
  response.writeHead(status, { 'Content-Type': answer.headers['content-type'] ?? '', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  if (service !== '/git-receive-pack') return void (await pipeline(answer, response).catch(() => response.destroy()));
  const pushed = new PushAnswer();
  const over = AbortSignal.any([stop.signal, closing]);
  const hand = async (parts: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const part of parts) if (!response.write(pushed.take(part))) await once(response, 'drain', { signal: over });
  };
  const whole = await pipeline(answer, hand, { signal: over }).then(
    () => true,
    () => false,
  );
  const commit = pushedCommit(begin);
  // A leader that leads no more ends its git, and the answer with it.
  if (pushed.taken && commit !== undefined && !stop.signal.aborted) {
    if (!closing.aborted) response.write(shownLine(`the leader went away: commit ${shortCommit(commit)} is taken, and the next one goes on with it`));
    response.write(shownLine(await laterVerdict(own, { repository, commit, token }, over)));
    response.end(answerEnd);
  } else if (whole) response.end();
  else response.destroy();
}

/** As long as managers elect another leader, and some more. */
const leaderlessMs = 60_000;
const askAgainMs = 500;

/** What became of a commit, in a line, by whoever leads next. */
async function laterVerdict(own: Endpoint, { repository, commit, token }: Omit<DoorVerdictRequest, 'timeout'>, signal: AbortSignal): Promise<string> {
  const end = performance.now() + leaderlessMs;
  let failure = '';
  while (!signal.aborted && performance.now() < end) {
    try {
      const { status, text } = await askVerdict(own, { repository, commit, timeout: '', token }, signal);
      if (status < 400) {
        const { State, Text } = JSON.parse(text) as { State: string; Text: string };
        return `${State === 'success' ? 'DEPLOYED' : 'NOT DEPLOYED'}: ${Text}`;
      }
      failure = messageOf(text);
      if (status < 500) break;
    } catch (error) {
      failure = (error as Error).message;
    }
    await sleep(askAgainMs, undefined, { signal }).catch(() => undefined);
  }
  const why = signal.aborted ? 'this manager stops' : failure;
  return `NOT DEPLOYED: it is not known here what becomes of commit ${shortCommit(commit)}, which is taken: ${why}; \`shoal stack ls\` at another manager shows it`;
}

async function askVerdict(
  own: Endpoint,
  { repository, commit, timeout, token }: DoorVerdictRequest,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const path = `/shoal/v1/repositories/${encodeURIComponent(repository)}/verdict?${new URLSearchParams({ commit, timeout }).toString()}`;
  const answer = await openCall(own, { method: 'GET', path, headers: { Host: 'docker', [tokenHeader]: token }, signal });
  return { status: answer.statusCode ?? 502, text: await readText(answer, longestError) };
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

export async function bringVerdict(own: Endpoint, asked: DoorVerdictRequest, response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const { status, text } = await askVerdict(own, asked, stop.signal);
  if (status >= 400) return void response.writeHead(status, plainHead).end(`${messageOf(text)}\n`);
  const { State } = JSON.parse(text) as { State: string };
  response.writeHead(verdictStatus[State] ?? 502, { 'Content-Type': 'application/json' }).end(text);
}
