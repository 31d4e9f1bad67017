/** What Go's YAML reader says where ours finds a file broken; its line is now and then one short, as there. */
import type { YAMLParseError } from 'yaml';

/** `yaml: [line N: ]REASON`; `line` counts from 1. */
export function syntaxErrorText(error: YAMLParseError, line: number): string {
  const [reason, scanner] = reasonOf(error);
  // The scanner counts from 1, the parser from 0, and a 0 is not said.
  const shown = scanner ? (line === 1 ? 0 : line) : line - 1;
  return `yaml: ${shown === 0 ? '' : `line ${shown}: `}${reason}`;
}

function reasonOf(error: YAMLParseError): readonly [reason: string, scanner: boolean] {
  const message = error.message;
  switch (error.code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
      return ['mapping values are not allowed in this context', true];
    case 'TAB_AS_INDENT':
      return ['found character that cannot start any token', true];
    case 'MULTILINE_IMPLICIT_KEY':
    case 'KEY_OVER_1024_CHARS':
      return ["could not find expected ':'", true];
    case 'BAD_ALIAS':
      return ['did not find expected alphabetic or numeric character', true];
    case 'BAD_DQ_ESCAPE':
      return ['found unknown escape character', true];
    case 'MISSING_CHAR':
      if (message.includes('quote')) return ['found unexpected end of stream', true];
      return ["could not find expected ':'", true];
    case 'BAD_INDENT':
      if (message.startsWith('Flow map')) return ["did not find expected ',' or '}'", false];
      if (message.startsWith('Flow seq')) return ["did not find expected ',' or ']'", false];
      return [message.includes('sequence') ? "did not find expected '-' indicator" : 'did not find expected key', false];
    default:
      return ['did not find expected key', false];
  }
}
