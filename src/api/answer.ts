/** How answers go out: one object at once, lists of any length in steps, so that others have their turn meanwhile. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#base/clock';
import { inTurns, type Steps } from '#base/pace/steps';
import type { Answer } from './router.ts';

/** Objects of a list that are written together. */
const objectsAPiece = 50;
/** Of many that are looked at few may be shown. */
const looksAStep = 500;

export async function sendAnswer(response: ServerResponse, answer: Answer, clock: Clock): Promise<void> {
  if (answer === 'sent') return;
  const { status, json, list } = answer;
  const items = list ?? (Array.isArray(json) ? (json as readonly unknown[]) : undefined);
  if (items) send(response, status, await inTurns(listPieces(items), clock));
  else sendJson(response, status, json);
}

/** Without a body where there is nothing to say. */
export function sendJson(response: ServerResponse, status: number, json: unknown): void {
  send(response, status, json === undefined ? [] : [Buffer.from(`${JSON.stringify(json)}\n`)]);
}

function send(response: ServerResponse, status: number, pieces: readonly Buffer[]): void {
  if (pieces.length > 0) response.setHeader('Content-Type', 'application/json');
  if (status !== 204)
    response.setHeader(
      'Content-Length',
      pieces.reduce((sum, { length }) => sum + length, 0),
    );
  response.writeHead(status);
  for (const piece of pieces) response.write(piece);
  response.end();
}

/** An item of a list whose text is made already: of one that seldom changes and is asked for often. */
export class Written {
  readonly text: string;

  constructor(item: object) {
    this.text = JSON.stringify(item);
  }
}

/** What `show` makes of the items, one after the other as they are asked for; what it makes nothing of is left out. */
export function* mapped<T>(items: readonly T[], show: (item: T) => object | undefined): Iterable<object | undefined> {
  for (const item of items) yield show(item);
}

/** The bytes of one JSON text, made as the items come. */
function* listPieces(items: Iterable<unknown>): Steps<Buffer[]> {
  const pieces: Buffer[] = [];
  let texts: string[] = [];
  let looks = 0;
  for (const item of items) {
    looks++;
    if (item !== undefined) texts.push(item instanceof Written ? item.text : JSON.stringify(item));
    if (texts.length === objectsAPiece) {
      pieces.push(Buffer.from(`${pieces.length === 0 ? '[' : ','}${texts.join()}`));
      texts = [];
    }
    // Each that is shown is a step: to make one may take a while, as of a service whose tasks are counted.
    if (item !== undefined || looks % looksAStep === 0) yield;
  }
  const last = texts.length > 0 && pieces.length > 0 ? ',' : '';
  pieces.push(Buffer.from(`${pieces.length === 0 ? '[' : last}${texts.join()}]\n`));
  return pieces;
}
