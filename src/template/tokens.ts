/** Cuts a template into literal text and actions, and an action into tokens. */
import { TemplateError } from './error.ts';

export type Piece = { text: string } | { action: string };

const actionPattern = /\{\{(?:-(?=\s))?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^"`])*?)(?:(?<=\s)-)?\}\}/sy;
const commentStart = /\{\{(?:-\s)?\/\*/y;
const commentEnd = /\*\/(?:\s-)?\}\}/y;

/** Text and actions in their order; comments are gone, and so are blanks that `{{- ` and ` -}}` eat. Throws TemplateError. */
export function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimmed = false;
  const addText = (text: string): void => void pieces.push({ text: trimmed ? text.trimStart() : text });
  for (let start = template.indexOf('{{'); start >= 0; start = template.indexOf('{{', at)) {
    const comment = commentAt(template, start);
    const match = comment === undefined ? matchAt(actionPattern, template, start) : null;
    const whole = comment ?? match?.[0];
    if (whole === undefined) throw new TemplateError('template: :1: unclosed action');
    const before = template.slice(at, start);
    addText(/^\{\{-\s/.test(whole) ? before.trimEnd() : before);
    if (match) pieces.push({ action: (match[1] ?? '').trim() });
    trimmed = /\s-\}\}$/.test(whole);
    at = start + whole.length;
  }
  addText(template.slice(at));
  return pieces;
}

/** The comment that begins there, as it stands; undefined where none does. It ends with the first end of a comment, as Go reads it. */
function commentAt(template: string, start: number): string | undefined {
  const begin = matchAt(commentStart, template, start);
  if (!begin) return undefined;
  const end = template.indexOf('*/', start + begin[0].length);
  if (end < 0) throw new TemplateError('template: :1: unclosed comment');
  const close = matchAt(commentEnd, template, end);
  if (!close) throw new TemplateError('template: :1: comment ends before closing delimiter');
  return template.slice(start, end + close[0].length);
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const tokenPattern = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)'|:=|[()|,=]|[-+]?\d+(?:\.\d+)?|\$\w*(?:\.\w+)*|(?:\.\w+)+|\.|\w+)/gy;

/** Tokens of one action: strings with their quotes, numbers, `$x.y`, `.a.b`, names, and the signs `( ) | , = :=`. */
export function tokensOf(action: string): readonly string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < action.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(action);
    if (!match) throw new TemplateError(`template: :1: unexpected ${JSON.stringify(action.slice(at).trim())} in {{${action}}}`);
    tokens.push(match[1] ?? '');
  }
  return tokens;
}
