/** Why git failed, in a sentence: its own last words are the best explanation, once what it says for everybody is left out. */
import { Refusal } from '#base/refusal';
import { withoutLogin } from '#control/repository/repository-place';
import { trackedText } from './head/tracked.ts';
import type { GitFailure } from './run-git.ts';

interface Place {
  url: string;
  branch: string;
  ref?: string;
  semver?: string;
  quotaBytes: number;
  bound?: string;
  /** What came ends where a file may not grow further. */
  full: boolean;
}

/** Signals that the kernel ends a process with that writes too large a file. */
const fileLimit = /died of signal 25|SIGXFSZ|File size limit|File too large/i;
const noRoom = /No space left on device/i;
const noMemory = /out of memory|cannot allocate memory|malloc failed|unable to (mmap|create thread)/i;
/** A mirror that lacks what it should have; asked anew, all of it comes. */
const damaged =
  /unresolved delta|corrupt|bad object|missing (blob|tree|commit)|not a git repository|did not send all necessary|inflate|unable to (read|find)|invalid (sha1|object)|bad tree|loose object|bad pack|packfile .* (cannot|is)/i;

/** `facts.mirror`: the mirror itself may be to blame. */
export function explained(failure: GitFailure, place: Place): Refusal {
  const { url, quotaBytes, bound, full } = place;
  const shown = withoutLogin(url);
  const said = failure.said.trim();
  const cannot = (reason: string, facts: Readonly<Record<string, unknown>> = {}) =>
    new Refusal('unavailable', `repository ${shown} cannot be read: ${reason}`, facts);
  if (failure.broken !== undefined) return cannot(failure.broken);
  if (full || failure.signal === 'SIGXFSZ' || fileLimit.test(said)) {
    const usual = `the ${Math.round(quotaBytes / 1024 / 1024)} MiB, or the half of the disk's free space, that a mirror may take`;
    return cannot(`it needs more room than ${bound ?? usual}`, { mirror: true });
  }
  if (noRoom.test(said)) return cannot('the disk of the state folder is full');
  if (noMemory.test(said)) return cannot('git needs more memory for it than it is given');
  if (failure.code === 2 || said === '' || /couldn't find remote ref/i.test(said))
    return new Refusal('notFound', `repository ${shown} has ${trackedText(place)}`);
  const line = clean(withoutLogin(telling(said).replaceAll(url, shown)));
  return cannot(hint(said, line), damaged.test(said) ? { mirror: true } : {});
}

function hint(said: string, line: string): string {
  if (/returned error: 30\d|redirect/i.test(said)) return `${line} (redirects are not followed: give the address that it leads to)`;
  if (/Host key verification failed|No .* host key is known/i.test(said)) return `${line} (its host key is not known: give it with --known-hosts-file)`;
  if (/could not read (Username|Password)|terminal prompts disabled/i.test(said))
    return `${line} (it asks for a login: give one with --token-file, or --username and --password-file)`;
  return line;
}

/** The line that says why; what git adds for everybody is left out, for ssh has said more before. */
function telling(said: string): string {
  const lines = said.split(/[\r\n]+/).filter((line) => line.trim() !== '' && !/^(warning|hint): |^(remote: )?[\w ]+objects: |^Resolving deltas/.test(line));
  const own = lines.filter((line) => !/^(fatal: Could not read from remote|Please make sure you have|and the repository exists)/.test(line));
  return own.find((line) => /fatal|error|denied|failed|refused|timed out|timeout|^ssh:/i.test(line)) ?? own[0] ?? lines[0] ?? '';
}

/** Servers may say anything. */
function clean(line: string): string {
  return line
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
    .slice(0, 500)
    .trim();
}
