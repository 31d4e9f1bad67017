/** Progress of services as bars on a terminal, as lines elsewhere, or as JSON. */
import { printableCell } from '#base/text/printable';
import type { Terminal } from '../output/terminal.ts';
import type { Progress } from './verdict.ts';
import type { Watched } from './watch.ts';

export type Style = 'bars' | 'lines' | 'json' | 'quiet';

const barWidth = 30;

export async function renderer(style: Style, terminal: Terminal): Promise<(services: readonly Watched[], final: boolean) => void> {
  if (style === 'quiet') return (services, final) => final && showReasons(services, terminal);
  if (style === 'json') return onChange((service) => terminal.out(JSON.stringify(factsOf(service))));
  if (style === 'lines') {
    const lines = onChange((service) => terminal.out(lineOf(service)));
    return (services, final) => {
      lines(services);
      if (final) showReasons(services, terminal);
    };
  }
  // Takes longer to load than most commands to do their work.
  const { createLogUpdate } = await import('log-update');
  const update = createLogUpdate(process.stdout);
  return (services, final) => {
    update(services.map(barOf).join('\n'));
    if (!final) return;
    update.done();
    showReasons(services, terminal);
  };
}

/** Speaks of a service only when what it would say has changed. */
function onChange(say: (service: Watched) => void): (services: readonly Watched[]) => void {
  const said = new Map<string, string>();
  return (services) => {
    for (const service of services) {
      const text = lineOf(service);
      if (said.get(service.id) === text) continue;
      said.set(service.id, text);
      say(service);
    }
  };
}

function factsOf({ id, name, progress }: Watched): object {
  const { verdict, detail, running, wanted, reasons } = progress;
  return { service: name, id, state: verdict, running, wanted, detail, reasons };
}

function lineOf({ name, progress }: Watched): string {
  return printableCell(`${name}: ${stateText(progress)}`);
}

function barOf({ name, progress }: Watched): string {
  const { running, wanted } = progress;
  const share = wanted > 0 ? Math.min(1, running / wanted) : 0;
  const filled = Math.round(share * barWidth);
  const shown = printableCell(name).padEnd(24);
  return `${shown} [${'='.repeat(filled)}${filled < barWidth ? '>' : ''}${' '.repeat(Math.max(0, barWidth - filled - 1))}] ${printableCell(stateText(progress))}`;
}

function stateText({ verdict, detail, running, wanted, slots }: Progress): string {
  const count = `${running}/${Math.max(0, wanted)}`;
  if (verdict === 'superseded') return detail;
  if (verdict === 'verifying') return `${count} running, verifying that it stays so`;
  if (verdict === 'converged') return `${count} converged`;
  if (verdict === 'rolledBack') return `${count} ${detail}`;
  const error = slots.find((slot) => slot.error !== '')?.error;
  const more = error === undefined || detail.includes(error) ? '' : `: ${error}`;
  if (verdict === 'failing') return `${count} ${detail}${more}`;
  const states = [...new Set(slots.filter((slot) => slot.taskState !== 'running').map((slot) => slot.taskState))].join(', ');
  return `${count} running${states === '' ? '' : `, ${states}`}${error === undefined ? '' : `: ${error}`}`;
}

/** What an operator needs when it did not work: each task's reason, once. */
function showReasons(services: readonly Watched[], terminal: Terminal): void {
  for (const { name, progress } of services) {
    const { verdict, detail, slots, reasons } = progress;
    if (verdict === 'converged') continue;
    terminal.error(`${name}: ${verdict === 'waiting' || verdict === 'verifying' ? 'not converged in time' : detail}`);
    for (const slot of slots) if (slot.error !== '') terminal.error(`  ${name}.${slot.name}: ${slot.taskState}: ${slot.error}`);
    if (slots.every((slot) => slot.error === '')) for (const reason of reasons) terminal.error(`  ${reason}`);
  }
}
