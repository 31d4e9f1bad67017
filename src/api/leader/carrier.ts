/** Requests that are the leader's: answered here where this node leads, else carried to whoever does; a change of leaders on the way is hidden where asking again is safe. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { callOver } from '#http/over-connection';
import { frame } from '#model/log-frame';
import { swarmTexts } from '#model/swarm-texts';
import type { LeaderLine } from '../dependencies.ts';
import { holdBody, keyHeader, letGo } from '../request/body.ts';
import type { Answer, Call, Handler } from '../router.ts';
import { bareWanted, placesHeader, placesText } from '../stream/places.ts';
import { isStreamed } from './places.ts';
import { FollowedLines, isFollowedLog, resumedQuery, resumedUrl, tellsPlaces, type Resumed } from './followed-lines.ts';
import { connectionHeaders, keptHeaders } from '../request/kept-headers.ts';

export interface CarrierParts {
  readonly leader: LeaderLine;
  readonly clock: Clock;
  /** How long a leader is waited for while one may come. */
  readonly patienceMs?: number;
}

/** An election takes less. */
export const usualPatienceMs = 5000;
/** A log that is followed can wait for an election that takes its time. */
const followPatienceMs = 30_000;
export const retryMs = 50;
/** Told to whoever carried a request here that this node does not lead, and whether the change may take effect all the same. */
const notLeadingHeader = 'shoal-not-leading';
/** Headers of one connection, and what managers say among themselves. */
const hopHeaders = new Set([...connectionHeaders, 'transfer-encoding', 'host', placesHeader]);

type Outcome = { readonly answer: Answer } | { readonly later: Refusal };

export class Carrier {
  readonly #parts: CarrierParts;
  /** Connections that other managers opened. */
  readonly #arrived = new WeakSet<object>();

  constructor(parts: CarrierParts) {
    this.#parts = parts;
  }

  /** What comes over `connection` was carried once, and is not carried again. */
  arrived(connection: Duplex): void {
    this.#arrived.add(connection);
  }

  /** Whether another manager brought the request here for a client of its own. */
  carried({ request }: Pick<Call, 'request'>): boolean {
    return this.#arrived.has(request.socket);
  }

  /** @param here answers where this node leads */
  async answer(call: Call, here: Handler): Promise<Answer> {
    const { leader, clock, patienceMs = usualPatienceMs } = this.#parts;
    if (leader.alone()) return await here(call);
    const { signal } = call;
    const carried = this.carried(call);
    if (carried && !leader.leads()) return sendBack(call, false);
    const streams = isStreamed(call.target.path);
    if (!streams) await this.#makeRepeatable(call);
    // Patience begins when a leader is missed, not when the request came: what has waited long is the likeliest to meet a change.
    let end = 0;
    let unknown = false;
    for (;;) {
      const began = clock.monotonicNow();
      const outcome = leader.leads() ? await this.#here(call, here) : await this.#carry(call, here);
      if ('answer' in outcome) return outcome.answer;
      const now = clock.monotonicNow();
      if (end === 0 || now - began > patienceMs) end = now + patienceMs;
      unknown ||= !isRead(call.request) && outcome.later.facts['outcome'] === 'unknown';
      if (carried) return sendBack(call, unknown);
      const lost = leader.lost();
      // Of what was sent on as it came nothing is left to send again.
      const spent = streams && call.request.readableDidRead;
      if (lost || spent || now >= end || signal.aborted) throw withOutcome(lost ?? outcome.later, unknown);
      await pause(clock, retryMs);
    }
  }

  /** The body is held and the changes have a name, so that the next leader can be asked the same. */
  async #makeRepeatable(call: Call): Promise<void> {
    const { request } = call;
    if (isRead(request)) return;
    if (request.headers[keyHeader] === undefined) call.key ??= randomUUID();
    await holdBody(request);
  }

  async #here(call: Call, here: Handler): Promise<Outcome> {
    call.changes = 0;
    try {
      return { answer: await here(call) };
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'unavailable' || call.response.headersSent) throw error;
      const deposed = error.facts['outcome'] !== undefined || !this.#parts.leader.leads();
      // Busy managers did not confirm in time that this one leads: of what is only read nothing has come yet.
      const unconfirmed = isRead(call.request) && error.facts['reason'] === 'noLeader';
      if (!deposed && !unconfirmed) throw error;
      return { later: error };
    }
  }

  async #carry(call: Call, here: Handler): Promise<Outcome> {
    const connection = this.#parts.leader.open();
    if (!connection) return { later: new Refusal('unavailable', swarmTexts.starting) };
    const { request, response } = call;
    try {
      const body = isRead(request) ? undefined : isStreamed(call.target.path) ? request : await holdBody(request);
      const reply = await ask(connection, call, body);
      const sentBack = reply.headers[notLeadingHeader];
      if (sentBack !== undefined) {
        reply.resume();
        return { later: new Refusal('unavailable', swarmTexts.starting, sentBack === 'unknown' ? { outcome: 'unknown' } : {}) };
      }
      response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? '', keptHeaders(reply.rawHeaders, hopHeaders).flat());
      response.flushHeaders();
      letGo(request);
      if (tellsPlaces(reply)) return await this.#follow(call, here, reply);
      reply.on('error', () => breakOff(response, reply));
      reply.pipe(response);
      return { answer: 'sent' };
    } catch (error) {
      connection.destroy();
      if (response.headersSent) throw error;
      return { later: new Refusal('unavailable', `the leader does not answer: ${(error as Error).message}`, { outcome: 'unknown' }) };
    }
  }

  /** A log that is followed goes on with the next leader, from the last lines that came. */
  async #follow(call: Call, here: Handler, first: IncomingMessage): Promise<Outcome> {
    const lines = new FollowedLines(call.response, this.#parts.clock.now());
    let reply: IncomingMessage | undefined = first;
    while (reply && (await lines.take(reply)) === 'broken') {
      const next = await this.#nextLeader(call, lines);
      if (next === 'here') {
        call.places = lines.places;
        resumedQuery(call.query, lines);
        return { answer: await here(call) };
      }
      if (next === undefined && !call.signal.aborted) endBroken(call.response);
      reply = next;
    }
    call.response.end();
    return { answer: 'sent' };
  }

  /** The next leader's answer, or that this node is it; undefined where none comes in time, or nobody waits for one. */
  async #nextLeader(call: Call, told: Resumed): Promise<IncomingMessage | 'here' | undefined> {
    const { leader, clock, patienceMs = followPatienceMs } = this.#parts;
    const end = clock.monotonicNow() + patienceMs;
    while (!call.signal.aborted && !leader.lost()) {
      if (leader.leads()) return 'here';
      const reply = await this.#resumed(call, told);
      if (reply) return reply;
      if (clock.monotonicNow() >= end) return undefined;
      await pause(clock, retryMs);
    }
    return undefined;
  }

  async #resumed(call: Call, told: Resumed): Promise<IncomingMessage | undefined> {
    const connection = this.#parts.leader.open();
    if (!connection) return undefined;
    try {
      const reply = await ask(connection, call, Buffer.from(placesText(told.places)), told);
      if (reply.statusCode === 200 && tellsPlaces(reply)) return reply;
      reply.destroy();
    } catch {
      connection.destroy();
    }
    return undefined;
  }
}

/** Nothing comes of it, whether it is answered or not. */
function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** What was read of a stream of lines is told to be not all; any other answer breaks off as the leader's did. */
function breakOff(response: Call['response'], reply: IncomingMessage): void {
  if (reply.headers['content-type'] !== 'application/vnd.docker.multiplexed-stream') return void response.destroy();
  endBroken(response);
}

function endBroken(response: Call['response']): void {
  const text = 'the connection to the leader broke, and lines that came since are missing: ask again';
  response.end(frame('systemError', `Error grabbing logs: rpc error: code = Unavailable desc = ${text}\n`));
}

/** Whoever carried it here looks for the leader himself. */
function sendBack({ response }: Call, unknown: boolean): Answer {
  response.setHeader(notLeadingHeader, unknown ? 'unknown' : 'none');
  return { status: 503, json: { message: swarmTexts.starting } };
}

function withOutcome(refusal: Refusal, unknown: boolean): Refusal {
  if (!unknown) return refusal;
  return new Refusal(refusal.code, `${refusal.message.replace(/[^.]$/, '$&.')} What was asked may still take effect.`, {
    ...refusal.facts,
    outcome: 'unknown',
  });
}

/** Resolves with the beginning of the answer. */
function ask(connection: Duplex, { request, signal, key }: Call, body: Buffer | IncomingMessage | undefined, told?: Resumed): Promise<IncomingMessage> {
  const headers = keptHeaders(request.rawHeaders, hopHeaders).filter(([name]) => !Buffer.isBuffer(body) || name.toLowerCase() !== 'content-length');
  headers.push(['Host', 'leader']);
  if (key !== undefined) headers.push(['Idempotency-Key', key]);
  const { method = 'GET', url = '/' } = request;
  const path = told ? resumedUrl(url, told) : url;
  if (isFollowedLog(method, url)) headers.push([placesHeader, bareWanted]);
  return callOver(connection, { method, path, headers, body, signal });
}
