/** Switches that may say =true or =false, as docker's do. */
import type { Option } from 'commander';

/**
 * `argv` with `--detach=true` for `-d` before the first operand. Commander lets an optional value be the next word:
 * in `service scale -d web=3` it would take the service for the value.
 */
export function withSaidSwitches(options: readonly Option[], argv: readonly string[]): string[] {
  const result = [...argv];
  for (let index = 0; index < result.length; index++) {
    const word = result[index] ?? '';
    if (word === '--' || !word.startsWith('-')) break;
    const option = options.find((candidate) => candidate.short === word || candidate.long === word);
    if (option?.flags.endsWith('[boolean]')) result[index] = `${option.long ?? word}=true`;
    else if (option?.required) index += 1;
  }
  return result;
}
