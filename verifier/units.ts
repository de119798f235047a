/** A number for people: `843,000`. */
export function countText(count: number | bigint): string {
  return count.toLocaleString('en');
}

/** `1 row`, `3 rows`. @param many Left out: the word with an s. */
export function countOfText(count: number | bigint, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 || count === 1n ? one : many}`;
}

const BINARY = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** An amount of memory, WAL or disk for people: `700 bytes`, `13 KiB`, `1.5 GiB`, `4 GiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (Math.abs(value) >= 1024 && step < BINARY.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${short(value)} ${BINARY[step]}`;
}

/** A time for people: `12 ms`, `1.2 s`, `5 min`, `1 h 5 min`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${short(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    seconds % 60,
  ];
  const parts =
    hours > 0
      ? [
          [hours, 'h'],
          [minutes, 'min'],
        ]
      : [
          [minutes, 'min'],
          [rest, 's'],
        ];
  return parts
    .filter(([value]) => value !== 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** One digit behind the point below 10, none above; none that is 0. */
function short(value: number): string {
  const rounded = Math.abs(value) < 9.95 ? Math.round(value * 10) / 10 : Math.round(value);
  return String(rounded);
}
