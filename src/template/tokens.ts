/** Cuts a template into literal text and actions, and an action into tokens. */
import { TemplateError } from './error.ts';

export type Piece = { text: string } | { action: string };

const actionPattern = /\{\{(?:-(?=\s))?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^"`])*?)(?:(?<=\s)-)?\}\}/sy;
const commentPattern = /\{\{(?:- )?\/\*.*?\*\/(?: -)?\}\}/sy;

/** Text and actions in their order; comments are gone, and so are blanks that `{{- ` and ` -}}` eat. Throws TemplateError. */
export function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimmed = false;
  const addText = (text: string): void => void pieces.push({ text: trimmed ? text.trimStart() : text });
  for (let start = template.indexOf('{{'); start >= 0; start = template.indexOf('{{', at)) {
    const comment = matchAt(commentPattern, template, start);
    const match = comment ?? matchAt(actionPattern, template, start);
    if (!match) throw new TemplateError('template: :1: unclosed action');
    const before = template.slice(at, start);
    addText(/^\{\{-\s/.test(match[0]) ? before.trimEnd() : before);
    if (!comment) pieces.push({ action: (match[1] ?? '').trim() });
    trimmed = /\s-\}\}$/.test(match[0]);
    at = start + match[0].length;
  }
  addText(template.slice(at));
  return pieces;
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
