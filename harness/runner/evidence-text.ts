import type { Evidence } from '../plugins/fault.ts';

/** Evidence as one line for people: `service capture@lab, gone: yes, pid before: 15931`. The journal has it whole. */
export function evidenceText(evidence: Evidence): string {
  return Object.entries(evidence)
    .map(([name, value]) => `${words(name)}: ${valueText(value)}`)
    .join(', ');
}

/** `publishedBefore` → `published before`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function valueText(value: unknown): string {
  if (value === true) return 'yes';
  if (value === false) return 'no';
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.map(valueText).join(' ');
  if (typeof value === 'object') return `(${evidenceText(value as Evidence)})`;
  return String(value);
}
