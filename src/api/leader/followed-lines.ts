/** The lines of a log that is followed through a manager that does not lead: whole ones alone go to the client, and how far they went is kept. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LogFrames, framed, type FramePiece } from '#model/log-frame';
import { notePlace, type Places, placesHeader, readPlaces } from '../stream/places.ts';

const decoder = new TextDecoder();

/** Whether the leader tells the places of its lines: one of an earlier build does not, and a terminal's bytes have none. */
export function tellsPlaces(reply: IncomingMessage): boolean {
  return reply.headers[placesHeader] !== undefined;
}

/** A request whose answer goes on until the client goes. */
export function isFollowedLog(method: string, url: string): boolean {
  const [path = '', query = ''] = url.split('?');
  const follow = (new URLSearchParams(query).get('follow') ?? '').toLowerCase();
  return method === 'GET' && /\/(services|tasks)\/[^/]+\/logs$/.test(path) && !['', '0', 'no', 'false', 'none'].includes(follow);
}

/** A log that is asked for again: with what was told of it, and since when it is followed. */
export interface Resumed {
  readonly places: Places;
  readonly sinceMs: number;
}

/** What is asked of tasks that have no place, for nobody had begun with them: who wanted the last lines alone wants none of before. */
export function resumedQuery(query: URLSearchParams, { sinceMs }: Resumed): void {
  if (!/^\d+$/.test(query.get('tail') ?? '')) return;
  query.delete('tail');
  query.set('since', String(sinceMs / 1000));
}

export function resumedUrl(url: string, resumed: Resumed): string {
  const [path = '', text] = url.split('?');
  const query = new URLSearchParams(text);
  resumedQuery(query, resumed);
  return `${path}?${query.toString()}`;
}

export class FollowedLines {
  readonly places: Places = new Map();

  constructor(
    readonly response: ServerResponse,
    readonly sinceMs: number,
  ) {}

  /** Hands on what the leader says, until it has said all ('over'), its line breaks ('broken'), or the client is gone ('over'). */
  take(reply: IncomingMessage): Promise<'over' | 'broken'> {
    const frames = new LogFrames();
    let line: FramePiece | undefined;
    const { response } = this;
    return new Promise((resolve) => {
      const resume = (): void => void reply.resume();
      const end = (how: 'over' | 'broken'): void => {
        response.off('drain', resume).off('close', gone);
        reply.destroy();
        resolve(how);
      };
      const gone = (): void => end('over');
      reply.on('data', (chunk: Buffer) => {
        try {
          for (const piece of frames.pieces(chunk)) {
            if (piece.stream === 'place') this.#tell(line, piece);
            else if (piece.stream === 'systemError') response.write(framed(piece.stream, piece.bytes));
            // A place may come without a line: what a task had when it was begun with was not asked for.
            line = piece.stream === 'place' ? undefined : piece;
          }
        } catch {
          return end('broken');
        }
        if (response.writableNeedDrain) reply.pause();
      });
      response.on('drain', resume).on('close', gone);
      reply.on('end', () => end('over'));
      reply.on('error', () => end('broken'));
      reply.on('close', () => end(reply.readableEnded ? 'over' : 'broken'));
    });
  }

  /** A line goes out when its place is known: one without would be told again. */
  #tell(line: FramePiece | undefined, place: FramePiece): void {
    if (line) this.response.write(framed(line.stream, line.bytes));
    for (const [taskId, time] of readPlaces(decoder.decode(place.bytes))) notePlace(this.places, taskId, time);
  }
}
