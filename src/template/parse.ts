/** Reads a template into a tree: text, pipelines, and the blocks if, with and range. */
import { TemplateError } from './error.ts';
import { parsePipe, type Pipe } from './pipe.ts';
import { piecesOf, tokensOf, type Piece } from './tokens.ts';

export type TemplateNode = { kind: 'text'; text: string } | { kind: 'pipe'; pipe: Pipe } | BlockNode | { kind: 'break' } | { kind: 'continue' };

export interface BlockNode {
  kind: 'if' | 'with' | 'range';
  pipe: Pipe;
  body: readonly TemplateNode[];
  otherwise: readonly TemplateNode[];
}

interface Reader {
  pieces: readonly Piece[];
  next: number;
  functions: ReadonlySet<string>;
}

/** The tree of `template`; names that are none of `functions` are refused here, carried out or not. Throws TemplateError. */
export function parseTemplate(template: string, functions: ReadonlySet<string>): readonly TemplateNode[] {
  const reader: Reader = { pieces: piecesOf(template), next: 0, functions };
  const { nodes, closing } = parseList(reader, ['$'], false);
  if (closing !== undefined) throw new TemplateError(`template: :1: unexpected {{${closing}}}`);
  return nodes;
}

/** Nodes up to the `else` or `end` that closes this block; `variables` are those that may be named here. */
function parseList(reader: Reader, variables: readonly string[], inRange: boolean): { nodes: TemplateNode[]; closing: string | undefined } {
  const nodes: TemplateNode[] = [];
  const known = [...variables];
  for (let piece = reader.pieces[reader.next++]; piece !== undefined; piece = reader.pieces[reader.next++]) {
    if ('text' in piece) {
      if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text });
      continue;
    }
    const word = /^\w*/.exec(piece.action)?.[0] ?? '';
    const rest = piece.action.slice(word.length);
    if (word === 'end' || word === 'else') return { nodes, closing: piece.action };
    if (word === 'if' || word === 'with' || word === 'range') nodes.push(parseBlock(reader, word, rest, known, inRange));
    else if (word === 'break' || word === 'continue') {
      if (!inRange) throw new TemplateError(`template: :1: {{${word}}} outside {{range}}`);
      nodes.push({ kind: word });
    } else if (word === 'define' || word === 'template' || word === 'block') {
      throw new TemplateError(`template: :1: {{${word}}} is not supported`);
    } else nodes.push({ kind: 'pipe', pipe: parsePipe(tokensOf(piece.action), { functions: reader.functions, variables: known, inRange: false }) });
  }
  return { nodes, closing: undefined };
}

function parseBlock(reader: Reader, kind: 'if' | 'with' | 'range', rest: string, variables: readonly string[], inRange: boolean): TemplateNode {
  const inner = [...variables];
  const pipe = parsePipe(tokensOf(rest.trim()), { functions: reader.functions, variables: inner, inRange: kind === 'range' });
  const body = parseList(reader, inner, inRange || kind === 'range');
  return { kind, pipe, body: body.nodes, otherwise: parseOtherwise(reader, body.closing, inner, inRange) };
}

/** What follows the first branch: nothing, `else`, or `else if` and `else with`, which share their `end` with this block. */
function parseOtherwise(reader: Reader, closing: string | undefined, variables: readonly string[], inRange: boolean): readonly TemplateNode[] {
  if (closing === undefined) throw new TemplateError('template: :1: unexpected EOF');
  if (closing === 'end') return [];
  const chained = /^else\s+(if|with)\b(.*)$/s.exec(closing);
  if (chained) return [parseBlock(reader, chained[1] === 'if' ? 'if' : 'with', chained[2] ?? '', variables, inRange)];
  if (closing !== 'else') throw new TemplateError(`template: :1: unexpected {{${closing}}}`);
  const last = parseList(reader, variables, inRange);
  if (last.closing === undefined) throw new TemplateError('template: :1: unexpected EOF');
  if (last.closing !== 'end') throw new TemplateError(`template: :1: unexpected {{${last.closing}}}`);
  return last.nodes;
}
