/** What goes wrong with a template, in the words of Go's text/template. */

/** A template that cannot be read or carried out. The text starts with `template: `. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';

  /** The text with the name that the template has for whoever wrote it. */
  called(name: string): string {
    return this.message.replace('template: :', `template: ${name}:`).replace('executing ""', `executing "${name}"`);
  }
}
